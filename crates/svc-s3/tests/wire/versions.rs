//! Versioning, delete markers and object lock over the wire.

use std::time::Duration;

use testkit::S3;

const ENABLED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const SUSPENDED: &str = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";

#[tokio::test]
async fn versions_follow_each_other() {
    let s3 = S3::with_bucket().await;
    assert_eq!(s3.ask("GET", "/b-1?versioning", &[], "").await.element("Status"), "");
    assert_eq!(s3.put("k", "null").await, "");
    s3.ask("PUT", "/b-1?versioning", &[], ENABLED).await.is(200, "");
    assert_eq!(s3.ask("GET", "/b-1?versioning", &[], "").await.element("Status"), "Enabled");
    let first = s3.put("k", "1").await;
    s3.ask("GET", &format!("/b-1/k?versionId={first}"), &[], "").await.is(200, "1");
    s3.ask("GET", "/b-1/k?versionId=null", &[], "").await.is(200, "null");
    let marker = s3.ask("DELETE", "/b-1/k", &[], "").await.header("x-amz-version-id").to_owned();
    let gone = s3.ask("GET", "/b-1/k", &[], "").await;
    gone.refuses_as_s3(404, "NoSuchKey");
    assert_eq!(
        (gone.header("x-amz-delete-marker"), gone.header("x-amz-version-id")),
        ("true", marker.as_str())
    );
    let by_id = s3.ask("GET", &format!("/b-1/k?versionId={marker}"), &[], "").await;
    by_id.refuses_as_s3(405, "MethodNotAllowed");
    assert_eq!(by_id.header("allow"), "DELETE");
    let unmarked = s3.ask("DELETE", &format!("/b-1/k?versionId={marker}"), &[], "").await;
    assert_eq!(unmarked.header("x-amz-delete-marker"), "true");
    s3.ask("GET", "/b-1/k", &[], "").await.is(200, "1");
    s3.ask("PUT", "/b-1?versioning", &[], SUSPENDED).await.is(200, "");
    assert_eq!(s3.put("k", "again null").await, "null");
    // The null version of before is gone, the one with an id is not.
    assert_eq!((s3.rows(503).await, s3.rows(504).await, s3.rows(505).await), (1, 1, 2));
    s3.ask("GET", &format!("/b-1/k?versionId={first}"), &[], "").await.is(200, "1");
    let unknown = format!("/b-1/k?versionId={}", "0".repeat(32));
    s3.ask("GET", &unknown, &[], "").await.refuses_as_s3(404, "NoSuchVersion");
    s3.ask("GET", "/b-1/k?versionId=x", &[], "").await.refuses_as_s3(400, "InvalidArgument");
}

#[tokio::test]
async fn locked_versions_stay() {
    let s3 = S3::new().await;
    s3.ask("PUT", "/b-1", &[("x-amz-bucket-object-lock-enabled", "true")], "").await.is(200, "");
    let version = s3.put("k", "x").await;
    let until = "<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>2026-11-24T00:00:00Z</RetainUntilDate></Retention>";
    let retention = format!("/b-1/k?retention&versionId={version}");
    s3.ask("PUT", &retention, &[], until).await.is(200, "");
    let earlier = until.replace("11-24", "11-23T12").replace("T12T00:00", "T12:00");
    s3.ask("PUT", &retention, &[], earlier).await.refuses_as_s3(403, "AccessDenied");
    let bypass = [("x-amz-bypass-governance-retention", "true")];
    let named = format!("/b-1/k?versionId={version}");
    s3.ask("DELETE", &named, &bypass, "").await.refuses_as_s3(403, "AccessDenied");
    s3.clock.advance(Duration::from_secs(86_400));
    s3.ask(
        "PUT",
        &format!("/b-1/k?legal-hold&versionId={version}"),
        &[],
        "<LegalHold><Status>ON</Status></LegalHold>",
    )
    .await
    .is(200, "");
    s3.ask("DELETE", &named, &bypass, "").await.refuses_as_s3(403, "AccessDenied");
    s3.ask(
        "PUT",
        &format!("/b-1/k?legal-hold&versionId={version}"),
        &[],
        "<LegalHold><Status>OFF</Status></LegalHold>",
    )
    .await
    .is(200, "");
    s3.ask("DELETE", &named, &[], "").await.is(204, "");
    s3.ask("PUT", "/b-1?versioning", &[], SUSPENDED).await.refuses_as_s3(409, "InvalidBucketState");
}

#[tokio::test]
async fn locks_need_a_bucket_with_them() {
    let s3 = S3::with_bucket().await;
    let headers = [
        ("x-amz-object-lock-mode", "GOVERNANCE"),
        ("x-amz-object-lock-retain-until-date", "2027-01-01T00:00:00Z"),
    ];
    s3.ask("PUT", "/b-1/k", &headers, "x").await.refuses_as_s3(400, "InvalidRequest");
    s3.ask("GET", "/b-1?object-lock", &[], "")
        .await
        .refuses_as_s3(404, "ObjectLockConfigurationNotFoundError");
    assert_eq!(s3.rows(503).await, 0);
}
