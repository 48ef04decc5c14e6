//! Packages that no function uses any more are removed, the others kept.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::{Lambda, package, soon};

#[tokio::test]
async fn an_unused_package_goes_and_a_used_one_stays() {
    let lambda = Lambda::new().await;
    lambda.function("used", "echo").await;
    let kept = lambda.unpacked();
    let code = json!({ "Code": { "ZipFile": BASE64.encode(package("another")) } });
    lambda.create(&Lambda::creation_with("unused", code)).await.ok();
    lambda.call("DELETE", "/2015-03-31/functions/unused", &Value::Null).await.is(204, "");
    assert!(lambda.unpacked().len() > kept.len());
    let collected = async {
        while lambda.unpacked() != kept {
            // Blobs are dated by the file system's clock, which may be ahead of the test's by some years.
            lambda.clock.advance(Duration::from_secs(24 * 60 * 60 * 365));
            tokio::task::yield_now().await;
        }
    };
    soon("the unused package to go", collected).await;
    lambda.invoke("used", "1").await.is(200, "1");
}
