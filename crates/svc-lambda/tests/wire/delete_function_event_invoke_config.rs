//! `DeleteFunctionEventInvokeConfig` over the wire.

use serde_json::{Value, json};
use testkit::Lambda;

const PATH: &str = "/2019-09-25/functions/f/event-invoke-config";

#[tokio::test]
async fn a_config_is_deleted_once() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("PUT", PATH, &json!({ "MaximumRetryAttempts": 0 })).await.ok();
    lambda.call("DELETE", PATH, &Value::Null).await.is(204, "");
    let message = "The function arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST doesn't have an EventInvokeConfig";
    for method in ["DELETE", "GET"] {
        let answer = lambda.call(method, PATH, &Value::Null).await;
        answer.refuses(404, "ResourceNotFoundException", message);
    }
}
