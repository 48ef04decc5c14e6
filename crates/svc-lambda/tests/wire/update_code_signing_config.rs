//! `UpdateCodeSigningConfig` over the wire.

use std::time::Duration;

use serde_json::json;
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
async fn what_is_given_replaces_and_the_rest_stays() {
    let lambda = Lambda::new().await;
    let arn = config(&lambda, "Enforce").await;
    let mut expected = lambda.get(&path(&arn)).await.ok();
    lambda.clock.advance(Duration::from_secs(60));
    lambda.call("PUT", &path(&arn), &json!({ "Description": "d" })).await.ok();
    expected["CodeSigningConfig"]["Description"] = json!("d");
    expected["CodeSigningConfig"]["LastModified"] = json!("2026-11-23T10:12:12.345+0000");
    assert_eq!(lambda.get(&path(&arn)).await.ok(), expected);
    let publishers = json!({ "SigningProfileVersionArns": [format!("{PROFILE}2")] });
    let body = json!({
        "AllowedPublishers": publishers,
        "CodeSigningPolicies": { "UntrustedArtifactOnDeployment": "Warn" },
    });
    expected["CodeSigningConfig"]["AllowedPublishers"] = publishers;
    expected["CodeSigningConfig"]["CodeSigningPolicies"] = json!({ "UntrustedArtifactOnDeployment": "Warn" });
    lambda.call("PUT", &path(&arn), &body).await.is_json(200, &expected);
    let bad = json!({ "AllowedPublishers": { "SigningProfileVersionArns": ["arn:aws:s3:::b"] } });
    let message = "Invalid signing profile version arn: arn:aws:s3:::b";
    lambda.call("PUT", &path(&arn), &bad).await.refuses(400, "InvalidParameterValueException", message);
    assert_eq!(lambda.get(&path(&arn)).await.ok(), expected);
    let message = format!("The Lambda code signing configuration {MISSING} can not be found.");
    let missing = lambda.call("PUT", &path(MISSING), &json!({ "Description": "d" })).await;
    missing.refuses(404, "ResourceNotFoundException", &message);
}
