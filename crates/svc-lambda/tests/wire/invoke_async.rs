//! `InvokeAsync` over the wire. What becomes of its events is in `invoke_event.rs`.

use serde_json::json;
use testkit::Lambda;

#[tokio::test]
async fn an_event_is_stored_for_a_function_that_is_there() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.stop_jobs().await;
    let path = "/2014-11-13/functions/f/invoke-async/";
    lambda.call("POST", path, &json!({ "a": 1 })).await.is(202, "{}");
    assert_eq!(lambda.rows(120).await, 1);
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g:$LATEST";
    let answer = lambda.call("POST", &path.replace("/f/", "/g/"), &json!({})).await;
    answer.refuses(404, "ResourceNotFoundException", message);
    assert_eq!(lambda.rows(120).await, 1);
}
