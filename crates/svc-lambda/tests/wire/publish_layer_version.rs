//! `PublishLayerVersion` over the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::{Answer, Lambda, package, package_of};

async fn publish(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("POST", "/2018-10-31/layers/l/versions", &body).await
}

fn content(text: &str) -> Value {
    json!({ "ZipFile": BASE64.encode(package(text)) })
}

#[tokio::test]
async fn a_version_is_shown_whole() {
    let lambda = Lambda::new().await;
    let body = json!({
        "Content": content("one"),
        "Description": "d",
        "CompatibleRuntimes": ["python3.13", "python3.8"],
        "CompatibleArchitectures": ["x86_64", "arm64"],
        "LicenseInfo": "MIT",
    });
    let answer = publish(&lambda, body).await;
    let mut shown = answer.json();
    let found = shown["Content"].as_object_mut().expect("content");
    assert!(found["CodeSize"].as_u64().is_some_and(|size| size > 0));
    assert_eq!(found["CodeSha256"].as_str().map(str::len), Some(44));
    shown.as_object_mut().expect("an object").remove("Content");
    assert_eq!(answer.status, 201);
    assert_eq!(
        shown,
        json!({
            "LayerArn": "arn:aws:lambda:us-east-1:000000000000:layer:l",
            "LayerVersionArn": "arn:aws:lambda:us-east-1:000000000000:layer:l:1",
            "Description": "d",
            "CreatedDate": "2026-11-23T10:11:12.345+0000",
            "Version": 1,
            "CompatibleRuntimes": ["python3.13", "python3.8"],
            "CompatibleArchitectures": ["x86_64", "arm64"],
            "LicenseInfo": "MIT",
        })
    );
}

#[tokio::test]
async fn every_publish_is_a_new_number_and_none_is_used_again() {
    let lambda = Lambda::new().await;
    for number in 1..=3 {
        assert_eq!(publish(&lambda, json!({ "Content": content("same") })).await.ok()["Version"], number);
    }
    for number in 1..=3 {
        lambda
            .call("DELETE", &format!("/2018-10-31/layers/l/versions/{number}"), &Value::Null)
            .await
            .is(204, "");
    }
    assert_eq!(publish(&lambda, json!({ "Content": content("same") })).await.ok()["Version"], 4);
}

#[tokio::test]
async fn what_is_no_layer_is_refused_and_leaves_nothing() {
    let lambda = Lambda::new().await;
    let bad = "InvalidParameterValueException";
    let broken = json!({ "Content": { "ZipFile": BASE64.encode("no zip") } });
    let message = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    publish(&lambda, broken).await.refuses(400, bad, message);
    let climbing = package_of(&[("../out", 0o644, b"x")]);
    publish(&lambda, json!({ "Content": { "ZipFile": BASE64.encode(climbing) } }))
        .await
        .refuses(400, bad, message);
    publish(&lambda, json!({ "Content": {} })).await.refuses(
        400,
        bad,
        "Please provide a source for layer content.",
    );
    let runtime = publish(&lambda, json!({ "Content": content("a"), "CompatibleRuntimes": ["cobol"] })).await;
    let start =
        "1 validation error detected: Value '[cobol]' at 'compatibleRuntimes' failed to satisfy constraint: ";
    assert_eq!((runtime.status, runtime.header("x-amzn-errortype")), (400, "ValidationException"));
    assert!(runtime.json()["message"].as_str().is_some_and(|message| message.starts_with(start)));
    let elsewhere = "arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Alayer%3Al";
    let path = format!("/2018-10-31/layers/{elsewhere}/versions");
    let message =
        "Layers are not in the same region as the function. Layers are expected to be in region us-east-1.";
    lambda.call("POST", &path, &json!({ "Content": content("a") })).await.refuses(400, bad, message);
    let others = "/2018-10-31/layers/arn%3Aaws%3Alambda%3Aus-east-1%3A111111111111%3Alayer%3Al/versions";
    let denied = lambda.call("POST", others, &json!({ "Content": content("a") })).await;
    assert_eq!((denied.status, denied.header("x-amzn-errortype")), (403, "AccessDeniedException"));
    assert_eq!(lambda.get("/2018-10-31/layers").await.ok(), json!({ "Layers": [] }));
    assert_eq!(lambda.stored_packages().await, 0);
    assert!(lambda.unpacked().is_empty());
}
