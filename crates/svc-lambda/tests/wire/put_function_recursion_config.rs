//! `PutFunctionRecursionConfig` over the wire. What it does is in `invoke_event.rs`.

use serde_json::json;
use testkit::Lambda;

#[tokio::test]
async fn a_loop_is_allowed_or_terminated() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let path = "/2024-08-31/functions/f/recursion-config";
    for wanted in ["Allow", "Terminate"] {
        let body = json!({ "RecursiveLoop": wanted });
        lambda.call("PUT", path, &body).await.is_json(200, &body);
        lambda.get(path).await.is_json(200, &body);
    }
    assert_eq!(lambda.call("PUT", path, &json!({ "RecursiveLoop": "Maybe" })).await.status, 400);
    let path = "/2024-08-31/functions/g/recursion-config";
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g";
    let answer = lambda.call("PUT", path, &json!({ "RecursiveLoop": "Allow" })).await;
    answer.refuses(404, "ResourceNotFoundException", message);
}
