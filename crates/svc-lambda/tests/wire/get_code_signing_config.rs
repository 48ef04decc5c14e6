//! `GetCodeSigningConfig` over the wire.

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
async fn one_is_found_by_its_arn() {
    let lambda = Lambda::new().await;
    let arn = config(&lambda, "Enforce").await;
    let shown = lambda.get(&path(&arn)).await.ok()["CodeSigningConfig"].clone();
    assert_eq!(shown["CodeSigningConfigArn"], json!(arn));
    assert_eq!(shown["CodeSigningPolicies"], json!({ "UntrustedArtifactOnDeployment": "Enforce" }));
    for missing in [
        MISSING.to_owned(),
        arn.replace("000000000000:", "111111111111:"),
        arn.replace("us-east-1", "eu-west-1"),
    ] {
        let message = format!("The Lambda code signing configuration {missing} can not be found.");
        lambda.get(&path(&missing)).await.refuses(404, "ResourceNotFoundException", &message);
    }
}
