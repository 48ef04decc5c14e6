//! Buckets behind distributions: who the bucket's policy lets in.

use crate::{CloudFront, DISABLED, bucket, cached_by, config, inner};

async fn with_objects() -> CloudFront {
    let front = CloudFront::new().await;
    front.s3.ask("PUT", "/b-1", &[], "").await.is(200, "");
    for key in ["a", "open"] {
        assert_eq!(front.s3.ask("PUT", &format!("/b-1/{key}"), &[], key).await.status, 200);
    }
    front
}

fn control(name: &str, behavior: &str, kind: &str) -> String {
    format!(
        "<OriginAccessControlConfig><Name>{name}</Name><SigningProtocol>sigv4</SigningProtocol><SigningBehavior>{behavior}\
         </SigningBehavior><OriginAccessControlOriginType>{kind}</OriginAccessControlOriginType>\
         </OriginAccessControlConfig>"
    )
}

#[tokio::test]
async fn an_access_control_is_the_service_for_its_distribution() {
    let front = with_objects().await;
    let made = front.ok("POST", "origin-access-control", None, &control("c", "always", "s3")).await;
    let (id, etag) = (inner(made.text(), "Id"), made.header("etag").to_owned());
    let origin = bucket("b-1", "", &id);
    let (distribution, host) = front.distribution(&config("r", &origin, &cached_by(DISABLED), "")).await;
    assert_eq!(front.get(&host, "/a").await.status, 403);
    let arn = format!("arn:aws:cloudfront::000000000000:distribution/{distribution}");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"cloudfront.amazonaws.com"}},"Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b-1/*","Condition":{{"StringEquals":{{"AWS:SourceArn":"{arn}"}}}}}}]}}"#
    );
    front.s3.ask("PUT", "/b-1?policy", &[], &policy).await.is_good();
    front.get(&host, "/a").await.is(200, "a");
    // Who may not list is not told what is missing.
    assert_eq!(front.get(&host, "/missing").await.status, 403);
    // Nor is anything else of the bucket for it.
    assert_eq!(front.get(&host, "/a?acl").await.status, 200, "no field of a query is passed on");
    let (_, other) = front.distribution(&config("s", &origin, &cached_by(DISABLED), "")).await;
    assert_eq!(front.get(&other, "/a").await.status, 403);
    let path = format!("origin-access-control/{id}");
    front.refused("DELETE", &path, Some(&etag), "", (409, "OriginAccessControlInUse")).await;
    let taken = control("c", "never", "s3");
    front
        .refused("POST", "origin-access-control", None, &taken, (409, "OriginAccessControlAlreadyExists"))
        .await;
    let lambda = control("d", "always", "lambda");
    front.refused("POST", "origin-access-control", None, &lambda, (501, "NotImplementedException")).await;
    let never = control("c", "never", "s3");
    front.ok("PUT", &format!("{path}/config"), Some(&etag), &never).await;
    assert_eq!(front.get(&host, "/a").await.status, 403, "nobody in particular may not");
    let list = front.ok("GET", "origin-access-control", None, "").await;
    assert_eq!(inner(list.text(), "SigningBehavior"), "never");
}

#[tokio::test]
async fn an_access_identity_is_named_in_two_ways() {
    let front = with_objects().await;
    let identity = "<CloudFrontOriginAccessIdentityConfig><CallerReference>r</CallerReference><Comment>c</Comment>\
                    </CloudFrontOriginAccessIdentityConfig>";
    let made = front.ok("POST", "origin-access-identity/cloudfront", None, identity).await;
    let (id, user) = (inner(made.text(), "Id"), inner(made.text(), "S3CanonicalUserId"));
    let again = front.ok("POST", "origin-access-identity/cloudfront", None, identity).await;
    assert_eq!(inner(again.text(), "Id"), id);
    let origin = bucket("b-1", &format!("origin-access-identity/cloudfront/{id}"), "");
    let (_, host) = front.distribution(&config("r", &origin, &cached_by(DISABLED), "")).await;
    assert_eq!(front.get(&host, "/a").await.status, 403);
    let arn = format!("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity {id}");
    for principal in [format!(r#"{{"AWS":"{arn}"}}"#), format!(r#"{{"CanonicalUser":"{user}"}}"#)] {
        front.policy("b-1", &principal, "s3:GetObject", "b-1/a").await;
        front.get(&host, "/a").await.is(200, "a");
        assert_eq!(front.get(&host, "/open").await.status, 403);
    }
    front.policy("b-1", &format!(r#"{{"AWS":"{arn}"}}"#), "s3:*", "b-1*").await;
    let missing = front.get(&host, "/missing").await;
    assert_eq!(missing.status, 404, "who may list is told");
    let path = format!("origin-access-identity/cloudfront/{id}");
    front
        .refused("DELETE", &path, Some(made.header("etag")), "", (409, "CloudFrontOriginAccessIdentityInUse"))
        .await;
    let unknown = bucket("b-1", "origin-access-identity/cloudfront/E1", "");
    let unknown = config("s", &unknown, &cached_by(DISABLED), "");
    front.refused("POST", "distribution", None, &unknown, (400, "InvalidOriginAccessIdentity")).await;
}

#[tokio::test]
async fn without_either_a_bucket_is_asked_as_nobody() {
    let front = with_objects().await;
    let (_, host) = front.distribution(&config("r", &bucket("b-1", "", ""), &cached_by(DISABLED), "")).await;
    assert_eq!(front.get(&host, "/open").await.status, 403);
    front.policy("b-1", r#""*""#, "s3:GetObject", "b-1/open").await;
    front.get(&host, "/open").await.is(200, "open");
    let denied = front.get(&host, "/a").await;
    assert!(denied.status == 403 && denied.text().contains("<Code>AccessDenied</Code>"), "{}", denied.text());
}
