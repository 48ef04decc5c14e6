//! `GetCodeSigningConfig` over the wire.

use serde_json::json;
use testkit::Lambda;

use crate::code_signing::{MISSING, config, path};

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
