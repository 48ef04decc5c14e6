//! Code and layers from S3 over the wire, with a store of objects beside.

use serde_json::{Value, json};
use testkit::{Answer, Lambda, Objects, package, package_of};

const ACCOUNT: &str = "000000000000";
const BAD: &str = "InvalidParameterValueException";

async fn with_objects() -> Lambda {
    let mut objects = Objects::new();
    objects.put(ACCOUNT, "bucket", "f.zip", package("one"));
    objects.put(ACCOUNT, "bucket", "f.zip", package("two"));
    objects.put(ACCOUNT, "bucket", "broken", b"no zip".to_vec());
    objects.put(ACCOUNT, "bucket", "empty", Vec::new());
    objects.put("111111111111", "theirs", "f.zip", package("one"));
    // More than a request could hold: zeros that were not compressed.
    let large = vec![0; 60_000_000];
    let mut stored = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let plain = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .unix_permissions(0o755);
    stored.start_file("bootstrap", plain).expect("a name");
    std::io::Write::write_all(&mut stored, &large).expect("memory takes bytes");
    objects.put(ACCOUNT, "bucket", "large", stored.finish().expect("a zip").into_inner());
    let bomb = vec![0; 262_144_001];
    objects.put(ACCOUNT, "bucket", "bomb", package_of(&[("zeros", 0o644, &bomb)]));
    objects.put(ACCOUNT, "bucket", "huge", bomb);
    Lambda::with_objects(objects).await
}

async fn create(lambda: &Lambda, code: Value) -> Answer {
    lambda.create(&Lambda::creation_with("f", json!({ "Code": code }))).await
}

/// The hash of a package that is sent with the request.
async fn sha256_of(lambda: &Lambda, content: &str) -> Value {
    use base64::Engine as _;
    let zip = base64::engine::general_purpose::STANDARD.encode(package(content));
    let body = Lambda::creation_with("sent", json!({ "Code": { "ZipFile": zip } }));
    let sent = lambda.create(&body).await.ok();
    lambda.call("DELETE", "/2015-03-31/functions/sent", &Value::Null).await.is(204, "");
    sent["CodeSha256"].clone()
}

#[tokio::test]
async fn functions_and_layers_come_from_objects() {
    let lambda = with_objects().await;
    let (one, two) = (sha256_of(&lambda, "one").await, sha256_of(&lambda, "two").await);
    let created = create(&lambda, json!({ "S3Bucket": "bucket", "S3Key": "f.zip" })).await.ok();
    assert_eq!(created["CodeSha256"], two, "the latest version");
    lambda.settled("f").await;
    lambda.invoke("f", "1").await.is(200, "1");
    let older = json!({ "S3Bucket": "bucket", "S3Key": "f.zip", "S3ObjectVersion": "1" });
    let updated = lambda.call("PUT", "/2015-03-31/functions/f/code", &older).await.ok();
    assert_eq!(updated["CodeSha256"], one);
    lambda.settled("f").await;
    let copied = json!({ "Content": {
        "S3Bucket": "bucket", "S3Key": "f.zip", "S3ObjectVersion": "1", "S3ObjectStorageMode": "COPY",
    } });
    let layer = lambda.call("POST", "/2018-10-31/layers/l/versions", &copied).await.ok();
    assert_eq!(layer["Content"]["CodeSha256"], one);
    let large = json!({ "S3Bucket": "bucket", "S3Key": "large" });
    let updated = lambda.call("PUT", "/2015-03-31/functions/f/code", &large).await.ok();
    assert!(updated["CodeSize"].as_u64().is_some_and(|size| size > 60_000_000));
    lambda.settled("f").await;
    // What is unpacked can be made anew from what is stored.
    lambda.stop_jobs().await;
    for name in lambda.unpacked() {
        std::fs::remove_dir_all(lambda.trees().join(name)).expect("a folder can be removed");
    }
    lambda.invoke("f", "2").await.is(200, "2");
}

#[tokio::test]
async fn what_s3_refuses_is_told_in_awss_frame() {
    let lambda = with_objects().await;
    for (code, s3_code, s3_message) in [
        (
            json!({ "S3Bucket": "nowhere", "S3Key": "f.zip" }),
            "NoSuchBucket",
            "The specified bucket does not exist",
        ),
        (json!({ "S3Bucket": "bucket", "S3Key": "g.zip" }), "NoSuchKey", "The specified key does not exist."),
        (json!({ "S3Bucket": "theirs", "S3Key": "f.zip" }), "AccessDenied", "Access Denied"),
        (
            json!({ "S3Bucket": "bucket", "S3Key": "f.zip", "S3ObjectVersion": "9" }),
            "NoSuchVersion",
            "The specified version does not exist.",
        ),
    ] {
        let message = format!(
            "Error occurred while GetObject. S3 Error Code: {s3_code}. S3 Error Message: {s3_message}"
        );
        create(&lambda, code.clone()).await.refuses(400, BAD, &message);
        let layer = lambda.call("POST", "/2018-10-31/layers/l/versions", &json!({ "Content": code })).await;
        layer.refuses(400, BAD, &message);
    }
    nothing_stayed(&lambda).await;
}

#[tokio::test]
async fn what_is_no_package_is_refused_and_leaves_nothing() {
    let lambda = with_objects().await;
    let too_large = "Unzipped size must be smaller than 262144000 bytes";
    for (key, message) in [
        ("broken", "Could not unzip uploaded file. Please check your file, then try to upload again."),
        ("empty", "Uploaded file must be a non-empty zip"),
        ("bomb", too_large),
        ("huge", too_large),
    ] {
        create(&lambda, json!({ "S3Bucket": "bucket", "S3Key": key })).await.refuses(400, BAD, message);
    }
    let no_source = "Please provide a source for function code.";
    create(&lambda, json!({ "S3Bucket": "bucket" })).await.refuses(400, BAD, no_source);
    create(&lambda, json!({ "S3Key": "f.zip" })).await.refuses(400, BAD, no_source);
    create(&lambda, json!({ "S3Bucket": "bucket", "S3Key": "f.zip", "ZipFile": "AAAA" })).await.refuses(
        400,
        BAD,
        "Please do not provide other FunctionCode parameters when providing a ZipFile.",
    );
    let reference = json!({ "S3Bucket": "bucket", "S3Key": "f.zip", "S3ObjectStorageMode": "REFERENCE" });
    create(&lambda, reference).await.refuses(
        501,
        "NotImplementedException",
        "Lambent's CreateFunction does not honour Code.S3ObjectStorageMode REFERENCE yet, so it refuses it.",
    );
    nothing_stayed(&lambda).await;
}

async fn nothing_stayed(lambda: &Lambda) {
    assert_eq!(lambda.get("/2018-10-31/layers").await.ok(), json!({ "Layers": [] }));
    assert_eq!(lambda.get("/2015-03-31/functions/f").await.status, 404);
    assert_eq!(lambda.stored_packages().await, 0);
    assert!(lambda.unpacked().is_empty());
}

#[tokio::test]
async fn without_an_object_store_the_answer_is_honest() {
    let lambda = Lambda::new().await;
    let object = json!({ "S3Bucket": "bucket", "S3Key": "f.zip" });
    let refused = |operation: &str, parameter: &str| {
        format!("Lambent's {operation} does not honour {parameter} yet, so it refuses it.")
    };
    create(&lambda, object.clone()).await.refuses(
        501,
        "NotImplementedException",
        &refused("CreateFunction", "Code.S3Bucket"),
    );
    let layer = lambda.call("POST", "/2018-10-31/layers/l/versions", &json!({ "Content": object })).await;
    layer.refuses(501, "NotImplementedException", &refused("PublishLayerVersion", "Content.S3Bucket"));
}
