//! `DeleteFunctionCodeSigningConfig` over the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::{Lambda, package};

use crate::code_signing::config;

#[tokio::test]
async fn any_package_may_come_again() {
    let lambda = Lambda::new().await;
    let path = "/2020-06-30/functions/f/code-signing-config";
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    lambda.call("DELETE", path, &Value::Null).await.refuses(404, "ResourceNotFoundException", message);
    lambda.function("f", "echo").await;
    let body = json!({ "CodeSigningConfigArn": config(&lambda, "Enforce").await });
    lambda.call("PUT", path, &body).await.ok();
    lambda.call("DELETE", path, &Value::Null).await.is(204, "");
    lambda.call("DELETE", path, &Value::Null).await.is(204, "");
    assert_eq!((lambda.rows(152).await, lambda.rows(153).await), (0, 0));
    let code = json!({ "ZipFile": BASE64.encode(package("two")) });
    lambda.call("PUT", "/2015-03-31/functions/f/code", &code).await.ok();
}
