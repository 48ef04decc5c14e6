//! What the tests of code signing begin with.

use serde_json::json;
use testkit::Lambda;

pub const PROFILE: &str = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/abcdefghij";
pub const MISSING: &str = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-00000000000000000";

/// The ARN of a new configuration.
pub async fn config(lambda: &Lambda, policy: &str) -> String {
    let body = json!({
        "AllowedPublishers": { "SigningProfileVersionArns": [PROFILE] },
        "CodeSigningPolicies": { "UntrustedArtifactOnDeployment": policy },
    });
    let created = lambda.call("POST", "/2020-04-22/code-signing-configs", &body).await.ok();
    created["CodeSigningConfig"]["CodeSigningConfigArn"].as_str().expect("text").to_owned()
}

pub fn path(arn: &str) -> String {
    format!("/2020-04-22/code-signing-configs/{}", arn.replace(':', "%3A"))
}
