//! `GetFunctionEventInvokeConfig` over the wire.

use serde_json::json;
use testkit::Lambda;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const PATH: &str = "/2019-09-25/functions/f/event-invoke-config";

#[tokio::test]
async fn one_qualifiers_config_is_shown() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let put =
        lambda.call("PUT", &format!("{PATH}?Qualifier=1"), &json!({ "MaximumRetryAttempts": 0 })).await.ok();
    assert_eq!(put["FunctionArn"], format!("{ARN}:1"));
    assert_eq!(lambda.get(&format!("{PATH}?Qualifier=1")).await.ok(), put);
    for (path, arn) in [
        (PATH.to_owned(), format!("{ARN}:$LATEST")),
        (PATH.replace("/f/", "/g/"), format!("{}:$LATEST", ARN.replace("n:f", "n:g"))),
    ] {
        let message = format!("The function {arn} doesn't have an EventInvokeConfig");
        lambda.get(&path).await.refuses(404, "ResourceNotFoundException", &message);
    }
}
