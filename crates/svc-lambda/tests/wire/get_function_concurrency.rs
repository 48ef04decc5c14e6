//! `GetFunctionConcurrency` over the wire.

use serde_json::json;
use testkit::Lambda;

#[tokio::test]
async fn shows_what_is_reserved() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let path = "/2019-09-30/functions/f/concurrency";
    lambda.get(path).await.is(200, "{}");
    assert_eq!(lambda.get("/2015-03-31/functions/f").await.ok().get("Concurrency"), None);
    let body = json!({ "ReservedConcurrentExecutions": 0 });
    lambda.call("PUT", "/2017-10-31/functions/f/concurrency", &body).await.ok();
    lambda.get(path).await.is(200, r#"{"ReservedConcurrentExecutions":0}"#);
}

#[tokio::test]
async fn functions_only() {
    let lambda = Lambda::new().await;
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    let answer = lambda.get("/2019-09-30/functions/f/concurrency").await;
    answer.refuses(404, "ResourceNotFoundException", message);
    let answer = lambda.get("/2019-09-30/functions/f:1/concurrency").await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "InvalidParameterValueException"));
}
