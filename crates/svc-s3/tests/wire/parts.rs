//! Uploads in parts over the wire.

use testkit::S3;

const MIN: usize = 5 * 1024 * 1024;

async fn begin(s3: &S3, key: &str) -> String {
    let begun = s3.ask("POST", &format!("/b-1/{key}?uploads"), &[], "").await;
    assert_eq!(begun.status, 200, "{}", begun.text());
    begun.element("UploadId").to_owned()
}

async fn part(s3: &S3, key: &str, upload: &str, number: u32, body: &[u8]) -> String {
    let path = format!("/b-1/{key}?partNumber={number}&uploadId={upload}");
    let sent = s3.ask("PUT", &path, &[], body).await;
    sent.is(200, "");
    sent.header("etag").to_owned()
}

fn list(parts: &[(u32, &str)]) -> String {
    let parts = parts.iter().map(|(number, etag)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>", etag.replace('"', "&quot;"))
    });
    format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.collect::<String>())
}

#[tokio::test]
async fn parts_become_an_object() {
    let s3 = S3::with_bucket().await;
    s3.start_jobs();
    let upload = begin(&s3, "k").await;
    let first = part(&s3, "k", &upload, 1, &vec![1; MIN]).await;
    let replaced = part(&s3, "k", &upload, 3, b"other").await;
    let last = part(&s3, "k", &upload, 3, b"end").await;
    let path = format!("/b-1/k?uploadId={upload}");
    let listed = s3.ask("GET", &path, &[], "").await;
    assert_eq!(listed.elements("PartNumber"), ["1", "3"]);
    assert_eq!(listed.elements("Size"), ["5242880", "3"]);
    let complete = async |parts: &[(u32, &str)]| s3.ask("POST", &path, &[], list(parts)).await;
    complete(&[(3, &last), (1, &first)]).await.refuses_as_s3(400, "InvalidPartOrder");
    complete(&[(1, &first), (3, &replaced)]).await.refuses_as_s3(400, "InvalidPart");
    complete(&[(1, &first), (2, &last)]).await.refuses_as_s3(400, "InvalidPart");
    complete(&[]).await.refuses_as_s3(400, "MalformedXML");
    assert_eq!(s3.rows(503).await, 0);
    let done = complete(&[(1, &first), (3, &last)]).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert!(done.element("ETag").ends_with("-2\""), "{}", done.element("ETag"));
    let got = s3.ask("GET", "/b-1/k", &[("range", "bytes=5242879-")], "").await;
    assert_eq!(&got.body[..], b"\x01end");
    let third = s3.ask("GET", "/b-1/k?partNumber=3", &[], "").await;
    assert_eq!(
        (third.status, &third.body[..], third.header("x-amz-mp-parts-count")),
        (206, &b"end"[..], "2")
    );
    s3.ask("GET", "/b-1/k?partNumber=2", &[], "").await.refuses_as_s3(416, "InvalidPartNumber");
    complete(&[(1, &first)]).await.refuses_as_s3(404, "NoSuchUpload");
    assert_eq!((s3.rows(508).await, s3.rows(509).await, s3.rows(505).await), (0, 0, 1));
    s3.ask("DELETE", "/b-1/k", &[], "").await.is(204, "");
    s3.until("the blob to be removed", async || s3.blob_count().await == 0).await;
}

#[tokio::test]
async fn all_but_the_last_part_are_large() {
    let s3 = S3::with_bucket().await;
    let upload = begin(&s3, "k").await;
    let (one, two) = (part(&s3, "k", &upload, 1, b"a").await, part(&s3, "k", &upload, 2, b"b").await);
    let path = format!("/b-1/k?uploadId={upload}");
    let small = s3.ask("POST", &path, &[], list(&[(1, &one), (2, &two)])).await;
    small.refuses_as_s3(400, "EntityTooSmall");
    assert_eq!((small.element("ProposedSize"), small.element("PartNumber")), ("1", "1"));
    assert_eq!(s3.ask("POST", &path, &[], list(&[(1, &one)])).await.status, 200);
    s3.ask("GET", "/b-1/k", &[], "").await.is(200, "a");
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let s3 = S3::with_bucket().await;
    s3.start_jobs();
    let upload = begin(&s3, "k").await;
    part(&s3, "k", &upload, 1, &vec![1; 100_000]).await;
    assert_eq!(s3.ask("GET", "/b-1?uploads", &[], "").await.elements("UploadId"), [upload.as_str()]);
    let path = format!("/b-1/k?uploadId={upload}");
    s3.ask("DELETE", &path, &[], "").await.is(204, "");
    s3.ask("DELETE", &path, &[], "").await.refuses_as_s3(404, "NoSuchUpload");
    let late = s3.ask("PUT", &format!("{path}&partNumber=2"), &[], "x").await;
    late.refuses_as_s3(404, "NoSuchUpload");
    for table in [505, 506, 508, 509] {
        assert_eq!(s3.rows(table).await, 0, "table {table}");
    }
    s3.until("the blob to be removed", async || s3.blob_count().await == 0).await;
    s3.ask("PUT", &format!("{path}&partNumber=10001"), &[], "x").await.refuses_as_s3(400, "InvalidArgument");
}

#[tokio::test]
async fn parts_are_copied_from_objects() {
    let s3 = S3::with_bucket().await;
    s3.put("from", "0123456789").await;
    let upload = begin(&s3, "k").await;
    let path = format!("/b-1/k?partNumber=1&uploadId={upload}");
    let source = ("x-amz-copy-source", "b-1/from");
    let behind = [source, ("x-amz-copy-source-range", "bytes=5-10")];
    s3.ask("PUT", &path, &behind, "").await.refuses_as_s3(400, "InvalidArgument");
    let copied = s3.ask("PUT", &path, &[source, ("x-amz-copy-source-range", "bytes=2-4")], "").await;
    let etag = copied.element("ETag").replace("&quot;", "\"");
    let done = s3.ask("POST", &format!("/b-1/k?uploadId={upload}"), &[], list(&[(1, &etag)])).await;
    assert_eq!(done.status, 200, "{}", done.text());
    s3.ask("GET", "/b-1/k", &[], "").await.is(200, "234");
}
