//! Distributions, invalidations and tags over the wire.

use testkit::Hook;

use crate::{CloudFront, OPTIMIZED, cached_by, config, inner, server};

#[tokio::test]
async fn a_distribution_is_made_changed_and_deleted() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &[]).await;
    let wanted = config("r", &server(&hook), &cached_by(OPTIMIZED), "");
    let made = front.ok("POST", "distribution", None, &wanted).await;
    let (id, etag) = (inner(made.text(), "Id"), made.header("etag").to_owned());
    assert_eq!(made.status, 201);
    assert_eq!(made.header("location"), format!("http://localhost:4566/2020-05-31/distribution/{id}"));
    assert_eq!(inner(made.text(), "Status"), "InProgress");
    assert_eq!(inner(made.text(), "ARN"), format!("arn:aws:cloudfront::000000000000:distribution/{id}"));
    let again = front.ok("POST", "distribution", None, &wanted).await;
    assert_eq!(inner(again.text(), "Id"), id);
    let other = wanted.replace("<Comment>", "<Comment>other");
    front.refused("POST", "distribution", None, &other, (409, "DistributionAlreadyExists")).await;

    let found = front.ok("GET", &format!("distribution/{id}"), None, "").await;
    assert_eq!((inner(found.text(), "Status").as_str(), found.header("etag")), ("Deployed", etag.as_str()));
    let path = format!("distribution/{id}/config");
    let shown = front.ok("GET", &path, None, "").await;
    assert_eq!(inner(shown.text(), "PriceClass"), "PriceClass_All");
    assert_eq!(inner(shown.text(), "OriginReadTimeout"), "30");
    front.refused("PUT", &path, None, &wanted, (400, "InvalidIfMatchVersion")).await;
    front.refused("PUT", &path, Some("E1"), &wanted, (412, "PreconditionFailed")).await;
    front.refused("PUT", "distribution/E1/config", Some("E1"), &wanted, (404, "NoSuchDistribution")).await;
    let renamed = wanted.replace(">r<", ">s<");
    front.refused("PUT", &path, Some(&etag), &renamed, (400, "IllegalUpdate")).await;
    front
        .refused("DELETE", &format!("distribution/{id}"), Some(&etag), "", (409, "DistributionNotDisabled"))
        .await;
    let disabled = wanted.replace("<Enabled>true", "<Enabled>false");
    let changed = front.ok("PUT", &path, Some(&etag), &disabled).await;
    let etag = changed.header("etag").to_owned();
    let list = front.ok("GET", "distribution?MaxItems=1", None, "").await;
    assert_eq!((inner(list.text(), "Quantity").as_str(), inner(list.text(), "Id")), ("1", id.clone()));
    assert_eq!(front.ok("DELETE", &format!("distribution/{id}"), Some(&etag), "").await.status, 204);
    front.refused("GET", &format!("distribution/{id}"), None, "", (404, "NoSuchDistribution")).await;
    // Its names are free again.
    assert_eq!(front.s3.rows(847).await, 0);
}

#[tokio::test]
async fn configurations_are_checked() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &[]).await;
    let (origin, behavior) = (server(&hook), cached_by(OPTIMIZED));
    let good = config("r", &origin, &behavior, "<DefaultRootObject>index.html</DefaultRootObject>");
    for (from, to, status, code) in [
        ("<Quantity>1", "<Quantity>2", 400, "InconsistentQuantities"),
        ("<TargetOriginId>o", "<TargetOriginId>p", 404, "NoSuchOrigin"),
        (OPTIMIZED, "658327ea-f89d-4fab-a63d-000000000000", 404, "NoSuchCachePolicy"),
        ("<DefaultRootObject>", "<DefaultRootObject>/", 400, "InvalidDefaultRootObject"),
        ("<HTTPSPort>443", "<HTTPSPort>81", 400, "InvalidArgument"),
        (
            "<HTTPPort>",
            "<OriginReadTimeout>121</OriginReadTimeout><HTTPPort>",
            400,
            "InvalidOriginReadTimeout",
        ),
        ("<CachePolicyId>", "<MinTTL>1</MinTTL><CachePolicyId>", 400, "InvalidArgument"),
        (
            "<CachePolicyId>",
            "<SmoothStreaming>true</SmoothStreaming><CachePolicyId>",
            501,
            "NotImplementedException",
        ),
        (
            "<Enabled>",
            "<Aliases><Quantity>1</Quantity><Items><CNAME>no dots</CNAME></Items></Aliases><Enabled>",
            400,
            "InvalidArgument",
        ),
        (
            "<Enabled>",
            "<CustomErrorResponses><Quantity>1</Quantity><Items><CustomErrorResponse><ErrorCode>200</ErrorCode>\
             </CustomErrorResponse></Items></CustomErrorResponses><Enabled>",
            400,
            "InvalidErrorCode",
        ),
        ("<Enabled>", "<WebACLId>arn</WebACLId><Enabled>", 501, "NotImplementedException"),
        ("<Enabled>true</Enabled>", "", 400, "InvalidArgument"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        front.refused("POST", "distribution", None, &bad, (status, code)).await;
    }
    assert_eq!(front.s3.rows(840).await, 0);
    front.ok("POST", "distribution", None, &good).await;
}

#[tokio::test]
async fn errors_are_written_as_cloudfront_does() {
    let front = CloudFront::new().await;
    let answer = front.call("GET", "distribution/E1", None, "").await;
    assert_eq!(answer.status, 404);
    let begin = "<ErrorResponse xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Error><Type>Sender</Type>\
                 <Code>NoSuchDistribution</Code><Message>The specified distribution does not exist.</Message></Error>\
                 <RequestId>";
    assert!(answer.text().contains(begin), "{}", answer.text());
    front.refused("POST", "function", None, "", (501, "NotImplementedException")).await;
}

#[tokio::test]
async fn names_belong_to_one_distribution() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &[]).await;
    let aliases = |names: &[&str]| {
        let items = names.iter().map(|name| format!("<CNAME>{name}</CNAME>")).collect::<String>();
        format!("<Aliases><Quantity>{}</Quantity><Items>{items}</Items></Aliases>", names.len())
    };
    let make = |reference: &str, names: &[&str]| {
        config(reference, &server(&hook), &cached_by(OPTIMIZED), &aliases(names))
    };
    let (id, host) = front.distribution(&make("a", &["www.example.com", "*.example.org"])).await;
    let taken = make("b", &["other.example.com", "WWW.example.com"]);
    front.refused("POST", "distribution", None, &taken, (409, "CNAMEAlreadyExists")).await;
    front.distribution(&make("c", &["deep.example.org"])).await;
    for name in
        [host.as_str(), "www.example.com:4566", "x.example.org", &format!("{id}.cloudfront.localhost")]
    {
        assert_eq!(front.get(name, "/").await.status, 200, "{name}");
    }
    assert_eq!(front.get("localhost:4566", &format!("/_aws/cloudfront/{id}/x")).await.status, 200);
    let unknown = front.get("dnone.cloudfront.localhost", "/").await;
    assert_eq!((unknown.status, unknown.header("x-cache")), (403, "Error from cloudfront"));
}

#[tokio::test]
async fn invalidations_are_kept_by_reference() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &[]).await;
    let (id, _) = front.distribution(&config("r", &server(&hook), &cached_by(OPTIMIZED), "")).await;
    let batch = |reference: &str, path: &str| {
        format!(
            "<InvalidationBatch><Paths><Quantity>1</Quantity><Items><Path>{path}</Path></Items></Paths>\
             <CallerReference>{reference}</CallerReference></InvalidationBatch>"
        )
    };
    let path = format!("distribution/{id}/invalidation");
    let made = front.ok("POST", &path, None, &batch("a", "/x/*")).await;
    let of = inner(made.text(), "Id");
    assert_eq!((made.status, inner(made.text(), "Status").as_str()), (201, "InProgress"));
    assert_eq!(inner(front.ok("POST", &path, None, &batch("a", "/x/*")).await.text(), "Id"), of);
    front.refused("POST", &path, None, &batch("a", "/y"), (400, "InvalidArgument")).await;
    front.refused("POST", &path, None, &batch("b", "y"), (400, "InvalidArgument")).await;
    front.refused("POST", &path, None, &batch("b", "/*/y"), (400, "InvalidArgument")).await;
    let found = front.ok("GET", &format!("{path}/{of}"), None, "").await;
    assert_eq!(
        (inner(found.text(), "Status").as_str(), inner(found.text(), "Path").as_str()),
        ("Completed", "/x/*")
    );
    front.refused("GET", &format!("{path}/I1"), None, "", (404, "NoSuchInvalidation")).await;
    front
        .refused("POST", "distribution/E1/invalidation", None, &batch("a", "/x"), (404, "NoSuchDistribution"))
        .await;
    let list = front.ok("GET", &path, None, "").await;
    assert_eq!(inner(list.text(), "Quantity"), "1");
}

#[tokio::test]
async fn distributions_have_tags() {
    let front = CloudFront::new().await;
    let hook = Hook::new(&front.s3, &[]).await;
    let inside = config("r", &server(&hook), &cached_by(OPTIMIZED), "");
    let tags = "<Tags><Items><Tag><Key>a</Key><Value>1</Value></Tag></Items></Tags>";
    let both = format!("<DistributionConfigWithTags>{inside}{tags}</DistributionConfigWithTags>");
    let made = front.ok("POST", "distribution?WithTags", None, &both).await;
    let arn = inner(made.text(), "ARN");
    let more = "<Tags><Items><Tag><Key>b</Key><Value>2</Value></Tag></Items></Tags>";
    front.ok("POST", &format!("tagging?Operation=Tag&Resource={arn}"), None, more).await;
    let keys = "<TagKeys><Items><Key>a</Key></Items></TagKeys>";
    front.ok("POST", &format!("tagging?Operation=Untag&Resource={arn}"), None, keys).await;
    let list = front.ok("GET", &format!("tagging?Resource={arn}"), None, "").await;
    assert!(list.text().contains("<Tag><Key>b</Key><Value>2</Value></Tag>") && !list.text().contains(">a<"));
    let aws = "<Tags><Items><Tag><Key>aws:x</Key><Value>2</Value></Tag></Items></Tags>";
    let path = format!("tagging?Operation=Tag&Resource={arn}");
    front.refused("POST", &path, None, aws, (400, "InvalidTagging")).await;
    let nobody = "tagging?Resource=arn:aws:cloudfront::000000000000:distribution/E1";
    front.refused("GET", nobody, None, "", (404, "NoSuchResource")).await;
}
