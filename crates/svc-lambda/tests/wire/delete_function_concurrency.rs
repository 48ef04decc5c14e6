//! `DeleteFunctionConcurrency` over the wire.

use serde_json::json;
use testkit::Lambda;

const PATH: &str = "/2017-10-31/functions/f/concurrency";

#[tokio::test]
async fn what_was_reserved_is_given_back() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("PUT", PATH, &json!({ "ReservedConcurrentExecutions": 0 })).await.ok();
    assert_eq!(lambda.invoke("f", "1").await.status, 429);
    for _ in 0..2 {
        lambda.call("DELETE", PATH, &json!(null)).await.is(204, "");
    }
    lambda.invoke("f", "1").await.is(200, "1");
    lambda.get("/2019-09-30/functions/f/concurrency").await.is(200, "{}");
    assert_eq!(lambda.rows(140).await, 0);
}

#[tokio::test]
async fn a_deleted_function_reserves_nothing() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("PUT", PATH, &json!({ "ReservedConcurrentExecutions": 0 })).await.ok();
    lambda.call("DELETE", "/2015-03-31/functions/f", &json!(null)).await.ok();
    assert_eq!(lambda.rows(140).await, 0);
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f";
    let answer = lambda.call("DELETE", PATH, &json!(null)).await;
    answer.refuses(404, "ResourceNotFoundException", message);
    lambda.function("f", "echo").await;
    lambda.invoke("f", "1").await.is(200, "1");
}
