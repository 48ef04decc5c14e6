//! `DeleteCodeSigningConfig` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

use crate::code_signing::{MISSING, config, path};

#[tokio::test]
async fn one_that_a_function_has_stays() {
    let lambda = Lambda::new().await;
    let arn = config(&lambda, "Warn").await;
    lambda.create(&Lambda::creation_with("f", json!({ "CodeSigningConfigArn": arn }))).await.ok();
    lambda.settled("f").await;
    let message =
        format!("The code signing configuration {arn} is attached to functions and can not be deleted.");
    let refused = lambda.call("DELETE", &path(&arn), &Value::Null).await;
    refused.refuses(409, "ResourceConflictException", &message);
    lambda.call("DELETE", "/2020-06-30/functions/f/code-signing-config", &Value::Null).await.ok();
    assert_eq!(lambda.call("DELETE", &path(&arn), &Value::Null).await.status, 204);
    let message = format!("The Lambda code signing configuration {arn} can not be found.");
    let gone = lambda.call("DELETE", &path(&arn), &Value::Null).await;
    gone.refuses(404, "ResourceNotFoundException", &message);
    let message = format!("The Lambda code signing configuration {MISSING} can not be found.");
    let missing = lambda.call("DELETE", &path(MISSING), &Value::Null).await;
    missing.refuses(404, "ResourceNotFoundException", &message);
}
