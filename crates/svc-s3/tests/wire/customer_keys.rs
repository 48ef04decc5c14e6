//! Keys of the client's own (SSE-C): what they encrypt, who reads it, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use testkit::{Answer, S3};

const OBJECT: &str = "x-amz-server-side-encryption-customer-";
const SOURCE: &str = "x-amz-copy-source-server-side-encryption-customer-";

/// The three headers of a key made of one byte.
struct Key([(String, String); 3]);

impl Key {
    fn new(prefix: &str, byte: u8) -> Self {
        let key = [byte; 32];
        let values = ["AES256".to_owned(), BASE64.encode(key), BASE64.encode(Md5::digest(key))];
        let [algorithm, key, md5] = values;
        Self([
            (format!("{prefix}algorithm"), algorithm),
            (format!("{prefix}key"), key),
            (format!("{prefix}key-md5"), md5),
        ])
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

async fn ask(s3: &S3, method: &str, path: &str, keys: &[&Key], more: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut headers = more.to_vec();
    keys.iter().for_each(|key| headers.extend(key.headers()));
    s3.ask(method, path, &headers, body).await
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| u8::try_from(at * 7 % 251).expect("a byte")).collect()
}

/// Whether these bytes lie anywhere in the store or among the blobs.
async fn lie_open(s3: &S3, wanted: &[u8]) -> bool {
    use kv::Read as _;
    let all = kv::KeyRange::all();
    let snapshot = s3.kv.snapshot().await.expect("memory");
    let rows = snapshot.scan_bytes(&all, 10_000, kv::Direction::Forward).expect("memory");
    let encoded = BASE64.encode(&wanted[..60]);
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    if rows.iter().any(|(_, value)| has(value, encoded.as_bytes()) || has(value, &wanted[..60])) {
        return true;
    }
    for stored in s3.blobs.list(None).await.expect("list blobs") {
        let mut reader = s3.blobs.get(stored.blob.digest).await.expect("read a blob").expect("a blob");
        let mut bytes = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut bytes).await.expect("read a blob");
        if has(&bytes, &wanted[..60]) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn an_object_is_read_with_its_key_alone() {
    let (key, other) = (Key::new(OBJECT, 1), Key::new(OBJECT, 2));
    for size in [60, 100_000] {
        let (s3, body) = (S3::with_bucket().await, bytes(size));
        s3.put("open", &body).await;
        assert!(lie_open(&s3, &body).await, "the test would see it");
        s3.ask("DELETE", "/b-1/open", &[], "").await.is(204, "");
        s3.start_jobs();
        s3.until("the open one is gone", || async { s3.blob_count().await == 0 }).await;

        let md5 = BASE64.encode(Md5::digest(&body));
        let put = ask(&s3, "PUT", "/b-1/k", &[&key], &[("content-md5", &md5)], &body).await;
        put.is(200, "");
        assert_eq!(put.header("x-amz-server-side-encryption-customer-algorithm"), "AES256");
        assert_eq!(put.header("x-amz-server-side-encryption-customer-key-md5"), key.0[2].1);
        assert_eq!(put.header("x-amz-server-side-encryption"), "");
        let plain = Md5::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_ne!(put.header("etag"), format!("\"{plain}\""), "it would tell of the bytes");
        assert!(!lie_open(&s3, &body).await);
        assert!(!lie_open(&s3, &[1; 60]).await, "nor does the key");

        let got = ask(&s3, "GET", "/b-1/k", &[&key], &[], b"").await;
        assert_eq!((got.status, got.body.as_ref()), (200, &body[..]));
        assert_eq!(got.header("etag"), put.header("etag"));
        let range = ask(&s3, "GET", "/b-1/k", &[&key], &[("range", "bytes=17-43")], b"").await;
        assert_eq!((range.status, range.body.as_ref()), (206, &body[17..=43]));
        let head = ask(&s3, "HEAD", "/b-1/k", &[&key], &[], b"").await;
        assert_eq!((head.status, head.header("content-length")), (200, size.to_string().as_str()));
        ask(&s3, "GET", "/b-1/k", &[], &[], b"").await.refuses_as_s3(400, "InvalidRequest");
        ask(&s3, "GET", "/b-1/k", &[&other], &[], b"").await.refuses_as_s3(403, "AccessDenied");
        assert_eq!(ask(&s3, "HEAD", "/b-1/k", &[], &[], b"").await.status, 400);
        assert_eq!(ask(&s3, "HEAD", "/b-1/k", &[&other], &[], b"").await.status, 403);
        s3.put("open", &body).await;
        ask(&s3, "GET", "/b-1/open", &[&key], &[], b"").await.refuses_as_s3(400, "InvalidRequest");
    }
}

#[tokio::test]
async fn copies_are_encrypted_anew() {
    let (s3, body) = (S3::with_bucket().await, bytes(100_000));
    let (key, source, other) = (Key::new(OBJECT, 1), Key::new(SOURCE, 1), Key::new(OBJECT, 2));
    ask(&s3, "PUT", "/b-1/k", &[&key], &[], &body).await.is(200, "");
    let from = [("x-amz-copy-source", "b-1/k")];
    let without = ask(&s3, "PUT", "/b-1/copy", &[&other], &from, b"").await;
    without.refuses_as_s3(400, "InvalidRequest");
    let wrong = Key::new(SOURCE, 3);
    ask(&s3, "PUT", "/b-1/copy", &[&wrong], &from, b"").await.refuses_as_s3(403, "AccessDenied");
    ask(&s3, "PUT", "/b-1/copy", &[&source, &other], &from, b"").await.is_good();
    ask(&s3, "GET", "/b-1/copy", &[&key], &[], b"").await.refuses_as_s3(403, "AccessDenied");
    assert_eq!(ask(&s3, "GET", "/b-1/copy", &[&other], &[], b"").await.body.as_ref(), body);
    // A copy without a key is like any other object, also over the one it was made of.
    ask(&s3, "PUT", "/b-1/k", &[&source], &from, b"").await.is_good();
    assert_eq!(ask(&s3, "GET", "/b-1/k", &[], &[], b"").await.body.as_ref(), body);
}

#[tokio::test]
async fn parts_come_with_the_key_of_their_upload() {
    let (s3, body) = (S3::with_bucket().await, bytes(5 * 1024 * 1024 + 1000));
    let (key, source, other) = (Key::new(OBJECT, 1), Key::new(SOURCE, 1), Key::new(OBJECT, 2));
    let begun = ask(&s3, "POST", "/b-1/k?uploads", &[&key], &[], b"").await;
    assert_eq!(begun.header("x-amz-server-side-encryption-customer-algorithm"), "AES256");
    let upload = begun.element("UploadId").to_owned();
    let part = |number: u32| format!("/b-1/k?partNumber={number}&uploadId={upload}");
    ask(&s3, "PUT", &part(1), &[], &[], &body).await.refuses_as_s3(400, "InvalidRequest");
    ask(&s3, "PUT", &part(1), &[&other], &[], &body).await.refuses_as_s3(400, "InvalidRequest");
    ask(&s3, "PUT", "/b-1/from", &[&key], &[], &body).await.is(200, "");
    let one = ask(&s3, "PUT", &part(1), &[&key], &[], &body).await;
    let copy = [("x-amz-copy-source", "b-1/from"), ("x-amz-copy-source-range", "bytes=100-5242979")];
    let two = ask(&s3, "PUT", &part(2), &[&key, &source], &copy, b"").await;
    let three = ask(&s3, "PUT", &part(3), &[&key], &[], b"end").await;
    let etags = [one.header("etag"), two.element("ETag"), three.header("etag")];
    let listed = etags
        .iter()
        .zip(1..)
        .map(|(etag, number)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"));
    let list = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", listed.collect::<String>());
    ask(&s3, "POST", &format!("/b-1/k?uploadId={upload}"), &[], &[], list.as_bytes()).await.is_good();

    let whole = [&body[..], &body[100..=5_242_979], b"end"].concat();
    let got = ask(&s3, "GET", "/b-1/k", &[&key], &[], b"").await;
    assert!(got.body.as_ref() == whole, "all parts, one after the other");
    let at = body.len() + 77;
    let range = format!("bytes={}-{}", at - 200, at + 200);
    let ranged = ask(&s3, "GET", "/b-1/k", &[&key], &[("range", &range)], b"").await;
    assert_eq!((ranged.status, ranged.body.as_ref()), (206, &whole[at - 200..=at + 200]));
    ask(&s3, "GET", "/b-1/k", &[&other], &[], b"").await.refuses_as_s3(403, "AccessDenied");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let s3 = S3::with_bucket().await;
    let good = Key::new(OBJECT, 1);
    let [algorithm, key, md5] = [0, 1, 2].map(|at| good.headers()[at]);
    let short = BASE64.encode([1; 16]);
    for (headers, code) in [
        (vec![key, md5], "InvalidArgument"),
        (vec![algorithm, md5], "InvalidArgument"),
        (vec![algorithm, key], "InvalidArgument"),
        (vec![(algorithm.0, "AES128"), key, md5], "InvalidEncryptionAlgorithmError"),
        (vec![algorithm, (key.0, short.as_str()), md5], "InvalidArgument"),
        (vec![algorithm, key, (md5.0, "AAAAAAAAAAAAAAAAAAAAAA==")], "InvalidArgument"),
    ] {
        s3.ask("PUT", "/b-1/k", &headers, "bytes").await.refuses_as_s3(400, code);
        s3.ask("GET", "/b-1/k", &headers, "").await.refuses_as_s3(400, code);
    }
    assert_eq!(s3.rows(503).await, 0);
}
