//! `GetFunctionRecursionConfig` over the wire.

use serde_json::json;
use testkit::Lambda;

#[tokio::test]
async fn loops_are_terminated_by_default() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let answer = lambda.get("/2024-08-31/functions/f/recursion-config").await;
    answer.is_json(200, &json!({ "RecursiveLoop": "Terminate" }));
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g";
    let answer = lambda.get("/2024-08-31/functions/g/recursion-config").await;
    answer.refuses(404, "ResourceNotFoundException", message);
}
