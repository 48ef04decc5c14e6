//! Settings of buckets over the wire: policies, ACLs, CORS, encryption, websites, events, expiry.

use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::{Mailbox, S3, request};

#[tokio::test]
async fn settings_are_put_shown_and_taken_away() {
    let s3 = S3::with_bucket().await;
    for (name, code, document, shown) in [
        (
            "cors",
            "NoSuchCORSConfiguration",
            "<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>",
            "<AllowedOrigin>*</AllowedOrigin>",
        ),
        (
            "tagging",
            "NoSuchTagSet",
            "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
            "<Key>a</Key><Value>b</Value>",
        ),
        (
            "lifecycle",
            "NoSuchLifecycleConfiguration",
            "<LifecycleConfiguration><Rule><ID>r</ID><Filter><Prefix>p</Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>",
            "<Days>1</Days>",
        ),
        (
            "website",
            "NoSuchWebsiteConfiguration",
            "<WebsiteConfiguration><IndexDocument><Suffix>i.html</Suffix></IndexDocument></WebsiteConfiguration>",
            "<Suffix>i.html</Suffix>",
        ),
        (
            "ownershipControls",
            "OwnershipControlsNotFoundError",
            "<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>",
            "<ObjectOwnership>ObjectWriter</ObjectOwnership>",
        ),
        (
            "policy",
            "NoSuchBucketPolicy",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b-1/x"}}"#,
            r#""Resource":"arn:aws:s3:::b-1/x""#,
        ),
    ] {
        let path = format!("/b-1?{name}");
        s3.ask("GET", &path, &[], "").await.refuses_as_s3(404, code);
        let put = s3.ask("PUT", &path, &[], document).await;
        assert_eq!(put.status, 200, "{name}: {}", put.text());
        let found = s3.ask("GET", &path, &[], "").await;
        assert!(found.text().contains(shown), "{name}: {}", found.text());
        if name != "policy" {
            s3.ask("PUT", &path, &[], "<x").await.refuses_as_s3(400, "MalformedXML");
        }
        s3.ask("DELETE", &path, &[], "").await.is(204, "");
        s3.ask("GET", &path, &[], "").await.refuses_as_s3(404, code);
    }
    // What a new bucket has.
    assert_eq!(s3.rows(502).await, 1);
}

#[tokio::test]
async fn what_nobody_set_has_an_answer() {
    let s3 = S3::with_bucket().await;
    assert_eq!(s3.ask("GET", "/b-1?encryption", &[], "").await.element("SSEAlgorithm"), "AES256");
    assert_eq!(s3.ask("GET", "/b-1?requestPayment", &[], "").await.element("Payer"), "BucketOwner");
    assert_eq!(s3.ask("GET", "/b-1?logging", &[], "").await.status, 200);
    assert_eq!(s3.ask("GET", "/b-1?accelerate", &[], "").await.status, 200);
    s3.ask("GET", "/b-1?replication", &[], "")
        .await
        .refuses_as_s3(404, "ReplicationConfigurationNotFoundError");
    let acl = s3.ask("GET", "/b-1?acl", &[], "").await;
    assert_eq!(acl.elements("Permission"), ["FULL_CONTROL"]);
    assert!(acl.text().contains("xmlns:xsi="), "{}", acl.text());
    assert_eq!(s3.ask("GET", "/b-1?notification", &[], "").await.status, 200);
}

#[tokio::test]
async fn policies_are_read_strictly() {
    let s3 = S3::with_bucket().await;
    for policy in [
        "no json",
        "{}",
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::other/*"}}"#,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Perhaps","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b-1/*"}}"#,
    ] {
        s3.ask("PUT", "/b-1?policy", &[], policy).await.refuses_as_s3(400, "MalformedPolicy");
    }
    let public = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b-1/*"}}"#;
    s3.ask("PUT", "/b-1?policy", &[], public).await.refuses_as_s3(403, "AccessDenied");
    s3.ask("DELETE", "/b-1?publicAccessBlock", &[], "").await.is(204, "");
    s3.ask("PUT", "/b-1?policy", &[], public).await.is(200, "");
    assert_eq!(s3.ask("GET", "/b-1?policyStatus", &[], "").await.element("IsPublic"), "true");
}

#[tokio::test]
async fn other_origins_are_told_what_they_may() {
    let s3 = S3::with_bucket().await;
    s3.put("k", "x").await;
    let rules = "<CORSConfiguration><CORSRule><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>\
                 <AllowedOrigin>http://*.example</AllowedOrigin><AllowedHeader>x-*</AllowedHeader></CORSRule></CORSConfiguration>";
    s3.ask("PUT", "/b-1?cors", &[], rules).await.is(200, "");
    let preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "X-One"),
            ("host", "localhost:4566"),
        ];
        s3.send(request("OPTIONS", "/b-1/k", "", &headers, "")).await
    };
    let allowed = preflight("http://a.example").await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, "http://a.example"));
    preflight("http://other").await.refuses_as_s3(403, "AccessForbidden");
    let got = s3.ask("GET", "/b-1/k", &[("origin", "http://a.example")], "").await;
    assert_eq!(got.header("access-control-allow-origin"), "http://a.example");
    let other = s3.ask("GET", "/b-1/k", &[("origin", "http://other")], "").await;
    assert_eq!((other.status, other.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn events_need_a_target_that_is_there() {
    let s3 = S3::with_bucket().await;
    let queue = "<NotificationConfiguration><QueueConfiguration><Queue>arn:aws:sqs:us-east-1:000000000000:q</Queue>\
                 <Event>s3:ObjectCreated:*</Event></QueueConfiguration></NotificationConfiguration>";
    s3.ask("PUT", "/b-1?notification", &[], queue).await.refuses_as_s3(400, "InvalidArgument");
    s3.put("k", "x").await;
    assert_eq!(s3.rows(510).await, 0);
    // Unchecked, an event is noted with the change itself.
    let unchecked = [("x-amz-skip-destination-validation", "true")];
    s3.ask("PUT", "/b-1?notification", &unchecked, queue).await.is(200, "");
    s3.put("k", "x").await;
    s3.ask("DELETE", "/b-1/k", &[], "").await.is(204, "");
    assert_eq!(s3.rows(510).await, 1);
    // Without anybody who has buses.
    s3.ask("PUT", "/b-1?notification", &[], BRIDGE).await.refuses_as_s3(501, "NotImplementedException");
}

const BRIDGE: &str = "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>";

#[tokio::test]
async fn the_default_bus_hears_of_everything() {
    let buses = Mailbox::new();
    let s3 = S3::beside(vec![buses.service("events")]).await;
    s3.ask("PUT", "/b-1", &[], "").await.is(200, "");
    s3.ask("PUT", "/b-1?notification", &[], BRIDGE).await.is(200, "");
    let set = s3.ask("GET", "/b-1?notification", &[], "").await;
    assert!(set.text().contains("EventBridgeConfiguration"), "{}", set.text());
    s3.start_jobs();
    // Events of one moment have no order among them.
    let later = || s3.clock.advance(Duration::from_millis(1));
    s3.put("a%20b", "text").await;
    later();
    let tagging = "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>";
    s3.ask("PUT", "/b-1/a%20b?tagging", &[], tagging).await.is(200, "");
    later();
    s3.ask("DELETE", "/b-1/a%20b", &[], "").await.is(204, "");
    let heard = buses.until(3).await;
    let about = heard[0].bus.as_ref().expect("for a bus");
    assert_eq!((about.source.as_str(), about.resources[0].as_str()), ("aws.s3", "arn:aws:s3:::b-1"));
    assert_eq!(heard[0].target.as_str(), "arn:aws:events:us-east-1:000000000000:event-bus/default");
    let types = heard.iter().map(|it| it.bus.as_ref().expect("for a bus").detail_type.as_str());
    assert_eq!(types.collect::<Vec<_>>(), ["Object Created", "Object Tags Added", "Object Deleted"]);
    let detail = |at: usize| serde_json::from_slice::<Json>(&heard[at].payload).expect("JSON");
    let created = detail(0);
    let expected = json!({
        "version": "0", "bucket": { "name": "b-1" },
        "object": { "key": "a b", "size": 4, "etag": "1cb251ec0d568de6a929b520c4aed8d1",
                    "sequencer": created["object"]["sequencer"] },
        "request-id": created["request-id"], "requester": "000000000000", "source-ip-address": "127.0.0.1",
        "reason": "PutObject",
    });
    assert_eq!(created, expected);
    assert_eq!(
        (&detail(2)["reason"], &detail(2)["deletion-type"]),
        (&json!("DeleteObject"), &json!("Permanently Deleted"))
    );
}

#[tokio::test]
async fn objects_expire_by_the_clock() {
    let s3 = S3::with_bucket().await;
    for key in ["old/1", "old/2", "kept"] {
        s3.put(key, "x").await;
    }
    s3.ask("POST", "/b-1/old/3?uploads", &[], "").await;
    let rules = "<LifecycleConfiguration><Rule><Filter><Prefix>old/</Prefix></Filter><Status>Enabled</Status>\
                 <Expiration><Days>2</Days></Expiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>2\
                 </DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>";
    s3.ask("PUT", "/b-1?lifecycle", &[], rules).await.is(200, "");
    // Put at ten in the morning: two days are over at midnight of the third.
    s3.clock.advance(Duration::from_secs(2 * 86_400));
    s3.start_jobs();
    s3.ask("GET", "/b-1/old/1", &[], "").await.is(200, "x");
    s3.stop_jobs().await;
    s3.clock.advance(Duration::from_secs(14 * 3600));
    s3.start_jobs();
    s3.until("the old ones to expire", async || s3.rows(503).await == 1 && s3.rows(508).await == 0).await;
    s3.ask("GET", "/b-1/kept", &[], "").await.is(200, "x");
}

#[tokio::test]
async fn websites_have_an_index_and_pages_for_errors() {
    let s3 = S3::with_bucket().await;
    let site = "<WebsiteConfiguration><IndexDocument><Suffix>i.html</Suffix></IndexDocument><ErrorDocument><Key>e.html</Key>\
                </ErrorDocument><RoutingRules><RoutingRule><Condition><KeyPrefixEquals>old/</KeyPrefixEquals></Condition>\
                <Redirect><ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith></Redirect></RoutingRule></RoutingRules></WebsiteConfiguration>";
    s3.ask("PUT", "/b-1?website", &[], site).await.is(200, "");
    for (key, body) in [("i.html", "home"), ("a/i.html", "a"), ("e.html", "sorry")] {
        s3.put(key, body).await;
    }
    let get = async |path: &str| {
        s3.send(request("GET", path, "", &[("host", "b-1.s3-website.localhost")], "")).await
    };
    get("/").await.is(200, "home");
    get("/a/").await.is(200, "a");
    let folder = get("/a").await;
    assert_eq!((folder.status, folder.header("location")), (302, "/a/"));
    get("/none").await.is(404, "sorry");
    let moved = get("/old/x").await;
    assert_eq!((moved.status, moved.header("location")), (301, "http://b-1.s3-website.localhost/new/x"));
}
