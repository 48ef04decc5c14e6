//! `GetEventSourceMapping` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const PATH: &str = "/2015-03-31/event-source-mappings/";

#[tokio::test]
async fn an_unknown_one_is_not_found() {
    let lambda = Lambda::new().await;
    let path = format!("{PATH}00000000-0000-0000-0000-000000000000");
    let message = "The resource you requested does not exist.";
    lambda.get(&path).await.refuses(404, "ResourceNotFoundException", message);
    let answer = lambda.get(&format!("{PATH}short")).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "ValidationException"));
}

#[tokio::test]
async fn it_outlives_its_function() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let body = json!({
        "FunctionName": "f",
        "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q",
        "Enabled": false,
    });
    let created = lambda.call("POST", PATH, &body).await.ok();
    let path = format!("{PATH}{}", created["UUID"].as_str().expect("text"));
    lambda.until("disabled", || async { lambda.get(&path).await.json()["State"] == "Disabled" }).await;
    lambda.call("DELETE", "/2015-03-31/functions/f", &Value::Null).await.ok();
    let shown = lambda.get(&path).await.ok();
    assert_eq!(shown["FunctionArn"], json!("arn:aws:lambda:us-east-1:000000000000:function:f"));
}
