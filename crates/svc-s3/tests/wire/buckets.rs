//! `CreateBucket`, `DeleteBucket`, `HeadBucket`, `ListBuckets`, `GetBucketLocation` over the wire.

use testkit::{S3, request};

#[tokio::test]
async fn creates_a_bucket() {
    let s3 = S3::new().await;
    let made = s3.ask("PUT", "/b-1", &[], "").await;
    made.is(200, "");
    assert_eq!((made.header("location"), made.header("x-amz-request-id").len()), ("/b-1", 36));
    assert!(!made.header("x-amz-id-2").is_empty());
    // In the first region one's own is created again without a word.
    s3.ask("PUT", "/b-1", &[], "").await.is(200, "");
    assert_eq!(s3.rows(500).await, 1);
    let head = s3.ask("HEAD", "/b-1", &[], "").await;
    assert_eq!((head.status, head.header("x-amz-bucket-region")), (200, "us-east-1"));
}

#[tokio::test]
async fn bad_names_and_places_change_nothing() {
    let s3 = S3::new().await;
    s3.ask("PUT", "/No_Good", &[], "").await.refuses_as_s3(400, "InvalidBucketName");
    let there = |place: &str| {
        format!(
            "<CreateBucketConfiguration><LocationConstraint>{place}</LocationConstraint></CreateBucketConfiguration>"
        )
    };
    s3.ask("PUT", "/b-1", &[], there("us-east-1")).await.refuses_as_s3(400, "InvalidLocationConstraint");
    s3.ask("PUT", "/b-1", &[], there("nowhere")).await.refuses_as_s3(400, "InvalidLocationConstraint");
    s3.ask("PUT", "/b-1", &[], "<Create").await.refuses_as_s3(400, "MalformedXML");
    assert_eq!(s3.rows(500).await, 0);
    s3.ask("PUT", "/b-1", &[], there("eu-west-1")).await.is(200, "");
    let again = s3.ask("PUT", "/b-1", &[], there("eu-west-1")).await;
    again.refuses_as_s3(409, "BucketAlreadyOwnedByYou");
    let place = s3.ask("GET", "/b-1?location", &[], "").await;
    assert!(place.text().ends_with(">eu-west-1</LocationConstraint>"), "{}", place.text());
}

#[tokio::test]
async fn only_an_empty_bucket_is_deleted() {
    let s3 = S3::with_bucket().await;
    s3.put("k", "x").await;
    s3.ask("DELETE", "/b-1", &[], "").await.refuses_as_s3(409, "BucketNotEmpty");
    s3.ask("DELETE", "/b-1/k", &[], "").await.is(204, "");
    s3.ask(
        "PUT",
        "/b-1?tagging",
        &[],
        "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    )
    .await
    .is(200, "");
    s3.ask("DELETE", "/b-1", &[], "").await.is(204, "");
    for table in [500, 501, 502, 503, 505] {
        assert_eq!(s3.rows(table).await, 0, "table {table}");
    }
    s3.ask("GET", "/b-1", &[], "").await.refuses_as_s3(404, "NoSuchBucket");
    assert_eq!(s3.ask("HEAD", "/b-1", &[], "").await.status, 404);
}

#[tokio::test]
async fn lists_by_page() {
    let s3 = S3::new().await;
    for name in ["b-3", "b-1", "c-1", "b-2"] {
        s3.ask("PUT", &format!("/{name}"), &[], "").await.is(200, "");
    }
    let page = s3.ask("GET", "/?max-buckets=2&prefix=b-", &[], "").await;
    assert_eq!(page.elements("Name"), ["b-1", "b-2"]);
    let token = page.element("ContinuationToken");
    let rest = s3.ask("GET", &format!("/?prefix=b-&continuation-token={token}"), &[], "").await;
    assert_eq!((rest.elements("Name"), rest.element("ContinuationToken")), (vec!["b-3"], ""));
}

#[tokio::test]
async fn another_accounts_bucket_is_denied() {
    let s3 = S3::with_bucket().await;
    let owner = [("x-amz-expected-bucket-owner", "111111111111")];
    s3.ask("GET", "/b-1", &owner, "").await.refuses_as_s3(403, "AccessDenied");
    s3.ask("PUT", "/b-1/k", &owner, "x").await.refuses_as_s3(403, "AccessDenied");
    assert_eq!(s3.rows(503).await, 0);
}

#[tokio::test]
async fn hosts_name_buckets() {
    let s3 = S3::with_bucket().await;
    s3.put("k", "x").await;
    for host in ["b-1.s3.localhost:4566", "b-1.localhost:4566", "b-1.s3.eu-west-1.amazonaws.com"] {
        let answer = s3.send(request("GET", "/k", "s3", &[("host", host)], "")).await;
        answer.is(200, "x");
    }
}

#[tokio::test]
async fn what_s3_does_not_know_is_told_in_its_words() {
    let s3 = S3::with_bucket().await;
    s3.ask("PATCH", "/b-1/k", &[], "").await.refuses_as_s3(405, "MethodNotAllowed");
    s3.ask("GET", "/b-1?max-keys=many", &[], "").await.refuses_as_s3(400, "InvalidArgument");
    s3.ask("GET", "/b-1?inventory", &[], "").await.refuses_as_s3(501, "NotImplementedException");
}
