//! `DeleteCodeSigningConfig` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const PROFILE: &str = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij";
const MISSING: &str = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-00000000000000000";

/// The ARN of a new configuration.
async fn config(lambda: &Lambda, policy: &str) -> String {
    let body = json!({
        "AllowedPublishers": { "SigningProfileVersionArns": [PROFILE] },
        "CodeSigningPolicies": { "UntrustedArtifactOnDeployment": policy },
    });
    let created = lambda.call("POST", "/2020-04-22/code-signing-configs", &body).await.ok();
    created["CodeSigningConfig"]["CodeSigningConfigArn"].as_str().expect("text").to_owned()
}

fn path(arn: &str) -> String {
    format!("/2020-04-22/code-signing-configs/{}", arn.replace(':', "%3A"))
}

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
