//! `PutFunctionCodeSigningConfig` over the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use testkit::{Lambda, package};

use crate::code_signing::{MISSING, config};

const PATH: &str = "/2020-06-30/functions/f/code-signing-config";

#[tokio::test]
async fn code_that_comes_later_is_held_to_it() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let arn = config(&lambda, "Enforce").await;
    let body = json!({ "CodeSigningConfigArn": arn });
    let answer = lambda.call("PUT", PATH, &body).await;
    answer.is_json(200, &json!({ "CodeSigningConfigArn": arn, "FunctionName": "f" }));
    lambda.invoke("f", "7").await.is(200, "7");
    let code = json!({ "ZipFile": BASE64.encode(package("two")) });
    let before = lambda.configuration("f").await;
    let message = "Lambda cannot deploy the function. The function or layer might be signed using a signature that the \
                   client is not configured to accept. Check the provided signature for f.";
    let refused = lambda.call("PUT", "/2015-03-31/functions/f/code", &code).await;
    refused.refuses(400, "CodeVerificationFailedException", message);
    assert_eq!(lambda.configuration("f").await, before);
    // To warn lets it pass.
    let warn = json!({ "CodeSigningConfigArn": config(&lambda, "Warn").await });
    lambda.call("PUT", PATH, &warn).await.ok();
    lambda.call("PUT", "/2015-03-31/functions/f/code", &code).await.ok();
    assert_eq!((lambda.rows(152).await, lambda.rows(153).await), (1, 1));
}

#[tokio::test]
async fn both_must_be_there() {
    let lambda = Lambda::new().await;
    let body = json!({ "CodeSigningConfigArn": MISSING });
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    lambda.call("PUT", PATH, &body).await.refuses(404, "ResourceNotFoundException", message);
    lambda.function("f", "echo").await;
    let message = format!(
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: {MISSING}."
    );
    lambda.call("PUT", PATH, &body).await.refuses(404, "CodeSigningConfigNotFoundException", &message);
    assert_eq!(lambda.rows(152).await, 0);
}
