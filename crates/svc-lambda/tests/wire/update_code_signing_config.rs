//! `UpdateCodeSigningConfig` over the wire.

use std::time::Duration;

use serde_json::json;
use testkit::Lambda;

use crate::code_signing::{MISSING, PROFILE, config, path};

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
