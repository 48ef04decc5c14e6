//! `GetFunctionCodeSigningConfig` over the wire.

use serde_json::json;
use testkit::Lambda;

use crate::code_signing::config;

#[tokio::test]
async fn a_function_without_one_is_named_alone() {
    let lambda = Lambda::new().await;
    let path = "/2020-06-30/functions/f/code-signing-config";
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    lambda.get(path).await.refuses(404, "ResourceNotFoundException", message);
    lambda.function("f", "echo").await;
    lambda.get(path).await.is(200, r#"{"FunctionName":"f"}"#);
    let arn = config(&lambda, "Warn").await;
    lambda.call("PUT", path, &json!({ "CodeSigningConfigArn": arn })).await.ok();
    lambda.get(path).await.is_json(200, &json!({ "CodeSigningConfigArn": arn, "FunctionName": "f" }));
}
