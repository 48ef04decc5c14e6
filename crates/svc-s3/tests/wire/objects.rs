//! `PutObject`, `GetObject`, `HeadObject`, `DeleteObject`, `DeleteObjects`, `CopyObject`, `GetObjectAttributes` and
//! tags over the wire.

use testkit::S3;

/// Larger than what lies in the store.
fn large() -> Vec<u8> {
    (0..50_000_u32).map(|number| (number % 251) as u8).collect()
}

#[tokio::test]
async fn an_object_comes_back_with_what_was_said_of_it() {
    let s3 = S3::with_bucket().await;
    let headers = [
        ("content-type", "text/a"),
        ("cache-control", "no-store"),
        ("x-amz-meta-colour", "blue"),
        ("content-encoding", "aws-chunked,gzip"),
        ("x-amz-tagging", "a=1&b=2"),
    ];
    let put = s3.ask("PUT", "/b-1/a%20b", &headers, "hello").await;
    put.is(200, "");
    assert_eq!(put.header("etag"), "\"5d41402abc4b2a76b9719d911017c592\"");
    let got = s3.ask("GET", "/b-1/a%20b", &[], "").await;
    got.is(200, "hello");
    for (name, value) in [
        ("content-type", "text/a"),
        ("content-length", "5"),
        ("cache-control", "no-store"),
        ("content-encoding", "gzip"),
        ("x-amz-meta-colour", "blue"),
        ("x-amz-tagging-count", "2"),
        ("accept-ranges", "bytes"),
        ("last-modified", "Mon, 23 Nov 2026 10:11:12 GMT"),
        ("x-amz-server-side-encryption", "AES256"),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let head = s3.ask("HEAD", "/b-1/a%20b", &[], "").await;
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "5", 0));
    let missing = s3.ask("GET", "/b-1/none", &[], "").await;
    missing.refuses_as_s3(404, "NoSuchKey");
    assert_eq!(missing.element("Key"), "none");
    assert_eq!(s3.ask("HEAD", "/b-1/none", &[], "").await.body.len(), 0);
    s3.ask("PUT", "/none-1/k", &[], "x").await.refuses_as_s3(404, "NoSuchBucket");
    s3.ask("PUT", &format!("/b-1/{}", "k".repeat(1025)), &[], "x")
        .await
        .refuses_as_s3(400, "KeyTooLongError");
}

#[tokio::test]
async fn ranges_are_parts_of_small_and_large() {
    let s3 = S3::with_bucket().await;
    for body in [b"0123456789".to_vec(), large()] {
        s3.put("k", &body).await;
        let range = s3.ask("GET", "/b-1/k", &[("range", "bytes=2-5")], "").await;
        assert_eq!((range.status, &range.body[..]), (206, &body[2..6]));
        assert_eq!(range.header("content-range"), format!("bytes 2-5/{}", body.len()));
        let end = s3.ask("GET", "/b-1/k", &[("range", "bytes=-3")], "").await;
        assert_eq!(&end.body[..], &body[body.len() - 3..]);
        let behind = format!("bytes={}-", body.len());
        let refused = s3.ask("GET", "/b-1/k", &[("range", behind.as_str())], "").await;
        refused.refuses_as_s3(416, "InvalidRange");
        assert_eq!(refused.header("content-range"), format!("bytes */{}", body.len()));
    }
}

#[tokio::test]
async fn conditions_are_kept() {
    let s3 = S3::with_bucket().await;
    s3.put("k", "hello").await;
    let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let ask = async |method, headers: &[(&str, &str)]| s3.ask(method, "/b-1/k", headers, "new").await;
    let same = s3.ask("GET", "/b-1/k", &[("if-none-match", etag)], "").await;
    assert_eq!((same.status, same.header("etag"), same.body.len()), (304, etag, 0));
    ask("GET", &[("if-match", "\"0\"")]).await.refuses_as_s3(412, "PreconditionFailed");
    let at = "Mon, 23 Nov 2026 10:11:12 GMT";
    assert_eq!(ask("GET", &[("if-modified-since", at)]).await.status, 304);
    assert_eq!(ask("GET", &[("if-unmodified-since", at)]).await.status, 200);
    ask("PUT", &[("if-none-match", "*")]).await.refuses_as_s3(412, "PreconditionFailed");
    ask("PUT", &[("if-none-match", etag)]).await.refuses_as_s3(501, "NotImplemented");
    ask("PUT", &[("if-match", "\"0\"")]).await.refuses_as_s3(412, "PreconditionFailed");
    s3.ask("GET", "/b-1/k", &[], "").await.is(200, "hello");
    ask("PUT", &[("if-match", etag)]).await.is(200, "");
    s3.ask("GET", "/b-1/k", &[], "").await.is(200, "new");
    s3.ask("DELETE", "/b-1/k", &[("if-match", "\"0\"")], "").await.refuses_as_s3(412, "PreconditionFailed");
}

#[tokio::test]
async fn a_body_that_is_not_what_is_said_leaves_nothing() {
    let s3 = S3::with_bucket().await;
    for headers in [
        [("content-md5", "XUFAKrxLKna5cZ2REBfFkg==")],
        [("x-amz-checksum-crc32", "AAAAAA==")],
        [("x-amz-checksum-sha256", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")],
    ] {
        s3.ask("PUT", "/b-1/k", &headers, large()).await.refuses_as_s3(400, "BadDigest");
    }
    s3.ask("PUT", "/b-1/k", &[("content-md5", "nonsense")], "x").await.refuses_as_s3(400, "InvalidDigest");
    s3.ask("PUT", "/b-1/k", &[("x-amz-checksum-crc32", "A")], "x").await.refuses_as_s3(400, "InvalidRequest");
    assert_eq!((s3.rows(503).await, s3.rows(505).await), (0, 0));
    s3.start_jobs();
    s3.until("its blob to be removed", async || s3.blob_count().await + s3.rows(506).await == 0).await;
}

#[tokio::test]
async fn what_is_not_honoured_is_refused() {
    let s3 = S3::with_bucket().await;
    for header in [("x-amz-server-side-encryption", "aws:kms"), ("x-amz-checksum-sha512", "AAAA")] {
        s3.ask("PUT", "/b-1/k", &[header], "x").await.refuses_as_s3(501, "NotImplementedException");
    }
    s3.ask("PUT", "/b-1/k", &[("x-amz-acl", "public-read")], "x")
        .await
        .refuses_as_s3(400, "AccessControlListNotSupported");
    assert_eq!(s3.rows(503).await, 0);
}

#[tokio::test]
async fn the_same_bytes_are_kept_until_their_last_object_goes() {
    let s3 = S3::with_bucket().await;
    s3.put("one", large()).await;
    s3.start_jobs();
    s3.ask("PUT", "/b-1/two", &[("x-amz-copy-source", "b-1/one")], "").await.is_good();
    assert_eq!((s3.blob_count().await, s3.rows(506).await), (1, 2));
    s3.ask("DELETE", "/b-1/one", &[], "").await.is(204, "");
    s3.until("the collector to have looked", async || s3.rows(507).await == 0).await;
    assert_eq!(s3.ask("GET", "/b-1/two", &[], "").await.body, large());
    s3.put("two", "small now").await;
    s3.until("the blob to be removed", async || s3.blob_count().await == 0).await;
    s3.ask("GET", "/b-1/two", &[], "").await.is(200, "small now");
}

#[tokio::test]
async fn many_are_deleted_each_for_itself() {
    let s3 = S3::with_bucket().await;
    for key in ["a", "b", "c"] {
        s3.put(key, "x").await;
    }
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>none</Key></Object>\
                <Object><Key>b</Key><VersionId>nonsense</VersionId></Object></Delete>";
    let deleted = s3.ask("POST", "/b-1?delete", &[], body).await;
    assert_eq!(deleted.status, 200);
    assert_eq!(deleted.elements("Key"), ["a", "none", "b"]);
    assert_eq!(deleted.element("Code"), "InvalidArgument");
    assert_eq!(s3.rows(503).await, 2);
    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>b</Key></Object></Delete>";
    assert_eq!(s3.ask("POST", "/b-1?delete", &[], quiet).await.elements("Key").len(), 0);
    s3.ask("POST", "/b-1?delete", &[], "<Delete></Delete>").await.refuses_as_s3(400, "MalformedXML");
}

#[tokio::test]
async fn copies_keep_or_replace_what_is_said() {
    let s3 = S3::with_bucket().await;
    s3.ask("PUT", "/b-1/from", &[("x-amz-meta-a", "1"), ("x-amz-tagging", "t=1")], "x").await.is(200, "");
    let from = ("x-amz-copy-source", "/b-1/from");
    s3.ask("PUT", "/b-1/to", &[from], "").await.is_good();
    let kept = s3.ask("GET", "/b-1/to", &[], "").await;
    assert_eq!((kept.header("x-amz-meta-a"), kept.header("x-amz-tagging-count")), ("1", "1"));
    let replaced = [from, ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-b", "2")];
    s3.ask("PUT", "/b-1/to", &replaced, "").await.is_good();
    let replaced = s3.ask("GET", "/b-1/to", &[], "").await;
    assert_eq!((replaced.header("x-amz-meta-a"), replaced.header("x-amz-meta-b")), ("", "2"));
    s3.ask("PUT", "/b-1/from", &[from], "").await.refuses_as_s3(400, "InvalidRequest");
    let none = ("x-amz-copy-source", "b-1/none");
    s3.ask("PUT", "/b-1/to", &[none], "").await.refuses_as_s3(404, "NoSuchKey");
    let conditions = [from, ("x-amz-copy-source-if-match", "\"0\"")];
    s3.ask("PUT", "/b-1/to", &conditions, "").await.refuses_as_s3(412, "PreconditionFailed");
}

#[tokio::test]
async fn attributes_are_those_asked_for() {
    let s3 = S3::with_bucket().await;
    s3.put("k", "hello").await;
    let asked = [("x-amz-object-attributes", "ETag,ObjectSize,Checksum")];
    let shown = s3.ask("GET", "/b-1/k?attributes", &asked, "").await;
    assert_eq!(shown.element("ETag"), "5d41402abc4b2a76b9719d911017c592");
    assert_eq!((shown.element("ObjectSize"), shown.element("StorageClass")), ("5", ""));
    assert_eq!(shown.element("ChecksumType"), "FULL_OBJECT");
}

#[tokio::test]
async fn tags_are_set_shown_and_taken_away() {
    let s3 = S3::with_bucket().await;
    s3.put("k", "x").await;
    let one = |key: &str| format!("<Tag><Key>{key}</Key><Value>v</Value></Tag>");
    let set = |tags: String| format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
    s3.ask("PUT", "/b-1/k?tagging", &[], set(one("a") + &one("b"))).await.is(200, "");
    assert_eq!(s3.ask("GET", "/b-1/k?tagging", &[], "").await.elements("Key"), ["a", "b"]);
    let many = (0..11).map(|number| one(&number.to_string())).collect();
    s3.ask("PUT", "/b-1/k?tagging", &[], set(many)).await.refuses_as_s3(400, "BadRequest");
    s3.ask("PUT", "/b-1/k?tagging", &[], set(one("a") + &one("a"))).await.refuses_as_s3(400, "InvalidTag");
    assert_eq!(s3.ask("GET", "/b-1/k?tagging", &[], "").await.elements("Key"), ["a", "b"]);
    s3.ask("DELETE", "/b-1/k?tagging", &[], "").await.is(204, "");
    assert!(s3.ask("GET", "/b-1/k?tagging", &[], "").await.elements("Key").is_empty());
}
