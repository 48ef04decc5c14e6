//! Storage classes over the wire: transitions by the clock, archived objects, their copies and what is told of them.

use std::time::Duration;

use serde_json::Value as Json;
use testkit::{Mailbox, S3};

const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);

fn rules(inside: &str) -> String {
    format!("<LifecycleConfiguration><Rule><Status>Enabled</Status>{inside}</Rule></LifecycleConfiguration>")
}

fn restore(days: u32, tier: &str) -> String {
    let tier = format!("<GlacierJobParameters><Tier>{tier}</Tier></GlacierJobParameters>");
    format!("<RestoreRequest><Days>{days}</Days>{tier}</RestoreRequest>")
}

/// An object of this class.
async fn put(s3: &S3, key: &str, class: &str, body: &str) {
    let put = s3.ask("PUT", &format!("/b-1/{key}"), &[("x-amz-storage-class", class)], body).await;
    assert_eq!(put.status, 200, "{}", put.text());
}

#[tokio::test]
async fn an_archived_object_is_read_once_it_is_restored() {
    let s3 = S3::with_bucket().await;
    s3.start_jobs();
    put(&s3, "a", "GLACIER", "cold").await;
    let head = s3.ask("HEAD", "/b-1/a", &[], "").await;
    assert_eq!((head.status, head.header("x-amz-storage-class")), (200, "GLACIER"));
    let refused = s3.ask("GET", "/b-1/a", &[], "").await;
    refused.refuses_as_s3(403, "InvalidObjectState");
    assert_eq!(refused.element("StorageClass"), "GLACIER");
    let copy = [("x-amz-copy-source", "/b-1/a")];
    s3.ask("PUT", "/b-1/copy", &copy, "").await.refuses_as_s3(403, "ObjectNotInActiveTierError");

    let ask = async |body: String| s3.ask("POST", "/b-1/a?restore", &[], &body).await;
    assert_eq!(ask(restore(2, "Expedited")).await.status, 202);
    ask(restore(2, "Expedited")).await.refuses_as_s3(409, "RestoreAlreadyInProgress");
    let head = s3.ask("HEAD", "/b-1/a", &[], "").await;
    assert_eq!(head.header("x-amz-restore"), "ongoing-request=\"true\"");
    s3.ask("GET", "/b-1/a", &[], "").await.refuses_as_s3(403, "InvalidObjectState");

    s3.clock.advance(MINUTE);
    let got = s3.ask("GET", "/b-1/a", &[], "").await;
    got.is(200, "cold");
    // Restored on the 23rd at ten: two days are over at the midnight after the 25th.
    let shown = "ongoing-request=\"false\", expiry-date=\"Thu, 26 Nov 2026 00:00:00 GMT\"";
    assert_eq!((got.header("x-amz-restore"), got.header("x-amz-storage-class")), (shown, "GLACIER"));
    assert_eq!(s3.ask("PUT", "/b-1/copy", &copy, "").await.status, 200);
    s3.ask("GET", "/b-1/copy", &[], "").await.is(200, "cold");
    assert_eq!(ask(restore(4, "Bulk")).await.status, 200, "it is there, and is kept for longer");
    s3.clock.advance(3 * DAY);
    s3.ask("GET", "/b-1/a", &[], "").await.is(200, "cold");
    s3.clock.advance(2 * DAY);
    s3.ask("GET", "/b-1/a", &[], "").await.refuses_as_s3(403, "InvalidObjectState");
    s3.until("the copy to be dropped", async || s3.rows(511).await == 0).await;
    assert_eq!(s3.ask("HEAD", "/b-1/a", &[], "").await.header("x-amz-restore"), "");
    assert_eq!(ask(restore(1, "Standard")).await.status, 202);
}

#[tokio::test]
async fn what_becomes_of_an_archived_object_is_told() {
    let buses = Mailbox::new();
    let s3 = S3::beside(vec![buses.service("events")]).await;
    s3.ask("PUT", "/b-1", &[], "").await.is(200, "");
    let bridge = "<NotificationConfiguration><EventBridgeConfiguration/></NotificationConfiguration>";
    s3.ask("PUT", "/b-1?notification", &[], bridge).await.is(200, "");
    s3.start_jobs();
    let heard = async |count: usize| {
        let heard = buses.until(count).await;
        let last = heard.last().expect("some");
        let detail = serde_json::from_slice::<Json>(&last.payload).expect("JSON");
        (last.bus.as_ref().expect("for a bus").detail_type.clone(), detail)
    };
    put(&s3, "a", "GLACIER", "cold").await;
    assert_eq!(heard(1).await.0, "Object Created");
    s3.ask("POST", "/b-1/a?restore", &[], &restore(1, "Expedited")).await;
    assert_eq!(heard(2).await.0, "Object Restore Initiated");
    s3.clock.advance(MINUTE);
    let (kind, detail) = heard(3).await;
    assert_eq!((kind.as_str(), detail["object"]["size"].as_u64()), ("Object Restore Completed", Some(4)));
    assert_eq!(detail["restore-expiry-time"], "2026-11-25T00:00:00Z");
    s3.clock.advance(2 * DAY);
    assert_eq!(heard(4).await.0, "Object Restore Expired");
    let deep = "<Filter/><Transition><Days>0</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>";
    let large = "x".repeat(128 * 1024);
    s3.put("large", &*large).await;
    heard(5).await;
    s3.ask("PUT", "/b-1?lifecycle", &[], &rules(deep)).await.is(200, "");
    s3.clock.advance(2 * DAY);
    let (kind, detail) = heard(6).await;
    assert_eq!(
        (kind.as_str(), &*detail["object"]["key"].to_string()),
        ("Object Storage Class Changed", "\"large\"")
    );
    assert_eq!(detail["destination-storage-class"], "DEEP_ARCHIVE");
}

#[tokio::test]
async fn restores_that_can_not_be() {
    let s3 = S3::with_bucket().await;
    put(&s3, "deep", "DEEP_ARCHIVE", "x").await;
    put(&s3, "plain", "GLACIER_IR", "x").await;
    let ask = async |key: &str, body: &str| s3.ask("POST", &format!("/b-1/{key}?restore"), &[], body).await;
    ask("plain", &restore(1, "Standard")).await.refuses_as_s3(403, "InvalidObjectState");
    ask("none", &restore(1, "Standard")).await.refuses_as_s3(404, "NoSuchKey");
    ask("deep", &restore(1, "Expedited")).await.refuses_as_s3(400, "InvalidArgument");
    ask("deep", "<RestoreRequest/>").await.refuses_as_s3(400, "MalformedXML");
    ask("deep", &restore(0, "Bulk")).await.refuses_as_s3(400, "MalformedXML");
    let select = "<RestoreRequest><Type>SELECT</Type></RestoreRequest>";
    ask("deep", select).await.refuses_as_s3(501, "NotImplementedException");
    assert_eq!(s3.rows(511).await, 0);
    s3.ask("GET", "/b-1/plain", &[], "").await.is(200, "x");
}

#[tokio::test]
async fn objects_move_to_colder_classes_by_the_clock() {
    let s3 = S3::with_bucket().await;
    let large = "x".repeat(128 * 1024);
    for (key, body) in [("t/large", large.as_str()), ("t/small", "x"), ("other", &large)] {
        s3.put(key, body).await;
    }
    let steps = "<Filter><Prefix>t/</Prefix></Filter>\
                 <Transition><Days>30</Days><StorageClass>STANDARD_IA</StorageClass></Transition>\
                 <Transition><Days>60</Days><StorageClass>GLACIER</StorageClass></Transition>";
    s3.ask("PUT", "/b-1?lifecycle", &[], &rules(steps)).await.is(200, "");
    let class = async |key: &str| {
        let head = s3.ask("HEAD", &format!("/b-1/{key}"), &[], "").await;
        head.header("x-amz-storage-class").to_owned()
    };
    let settle = async |key: &str, expected: &str| {
        s3.start_jobs();
        s3.until("the class to change", async || class(key).await == expected).await;
        s3.stop_jobs().await;
    };
    s3.clock.advance(31 * DAY);
    settle("t/large", "STANDARD_IA").await;
    assert_eq!((class("t/small").await.as_str(), class("other").await.as_str()), ("", ""));
    let listed = s3.ask("GET", "/b-1?prefix=t/large", &[], "").await;
    assert_eq!(listed.element("StorageClass"), "STANDARD_IA");
    let versions = s3.ask("GET", "/b-1?versions&prefix=t/large", &[], "").await;
    assert_eq!(versions.element("StorageClass"), "STANDARD_IA");
    s3.clock.advance(30 * DAY);
    settle("t/large", "GLACIER").await;
    s3.ask("GET", "/b-1/t/large", &[], "").await.refuses_as_s3(403, "InvalidObjectState");
    // A rule that speaks of sizes means small objects too.
    let sized = "<Filter><And><Prefix>t/</Prefix><ObjectSizeLessThan>10</ObjectSizeLessThan></And></Filter>\
                 <Transition><Days>0</Days><StorageClass>GLACIER_IR</StorageClass></Transition>";
    s3.ask("PUT", "/b-1?lifecycle", &[], &rules(sized)).await.is(200, "");
    settle("t/small", "GLACIER_IR").await;
    assert_eq!(class("t/large").await, "GLACIER");
}

#[tokio::test]
async fn older_versions_move_too() {
    let s3 = S3::with_bucket().await;
    let versioned = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    s3.ask("PUT", "/b-1?versioning", &[], versioned).await.is(200, "");
    let old = s3.ask("PUT", "/b-1/a", &[], "x".repeat(128 * 1024)).await;
    s3.put("a", "new").await;
    let rule = "<Filter/><NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays>\
                <StorageClass>DEEP_ARCHIVE</StorageClass></NoncurrentVersionTransition>";
    s3.ask("PUT", "/b-1?lifecycle", &[], &rules(rule)).await.is(200, "");
    s3.clock.advance(2 * DAY);
    s3.start_jobs();
    let path = format!("/b-1/a?versionId={}", old.header("x-amz-version-id"));
    s3.until("the old version to move", async || {
        s3.ask("HEAD", &path, &[], "").await.header("x-amz-storage-class") == "DEEP_ARCHIVE"
    })
    .await;
    s3.ask("GET", "/b-1/a", &[], "").await.is(200, "new");
    let ask = s3.ask("POST", &format!("{path}&restore"), &[], &restore(1, "Bulk")).await;
    assert_eq!(ask.status, 202, "{}", ask.text());
    s3.clock.advance(15 * MINUTE);
    assert_eq!(s3.ask("GET", &path, &[], "").await.status, 200);
}

#[tokio::test]
async fn transitions_that_can_not_be() {
    let s3 = S3::with_bucket().await;
    let refuses = async |inside: &str, code: &str| {
        let put = s3.ask("PUT", "/b-1?lifecycle", &[], &rules(&format!("<Filter/>{inside}"))).await;
        put.refuses_as_s3(400, code);
    };
    let to = |when: &str, class: &str| {
        format!("<Transition>{when}<StorageClass>{class}</StorageClass></Transition>")
    };
    refuses(&to("<Days>29</Days>", "STANDARD_IA"), "InvalidArgument").await;
    refuses(&to("<Days>-1</Days>", "GLACIER"), "InvalidArgument").await;
    refuses(&to("", "GLACIER"), "MalformedXML").await;
    refuses(&to("<Date>2026-11-23T10:00:00Z</Date>", "GLACIER"), "InvalidArgument").await;
    refuses(&to("<Days>1</Days>", "STANDARD"), "MalformedXML").await;
    let twice = format!("{}{}", to("<Days>1</Days>", "GLACIER"), to("<Days>2</Days>", "GLACIER"));
    refuses(&twice, "InvalidArgument").await;
    let gone = format!("<Expiration><Days>5</Days></Expiration>{}", to("<Days>5</Days>", "GLACIER"));
    refuses(&gone, "InvalidArgument").await;
}
