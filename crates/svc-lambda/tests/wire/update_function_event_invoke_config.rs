//! `UpdateFunctionEventInvokeConfig` over the wire.

use serde_json::json;
use testkit::Lambda;

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const PATH: &str = "/2019-09-25/functions/f/event-invoke-config";

#[tokio::test]
async fn what_is_not_given_stays() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.function("g", "echo").await;
    let other = ARN.replace("n:f", "n:g");
    let destinations = json!({ "OnSuccess": { "Destination": other }, "OnFailure": {} });
    let body = json!({ "MaximumRetryAttempts": 1, "DestinationConfig": destinations });
    lambda.call("PUT", PATH, &body).await.ok();
    let updated = lambda.call("POST", PATH, &json!({ "MaximumEventAgeInSeconds": 60 })).await.ok();
    assert_eq!(
        (&updated["MaximumRetryAttempts"], &updated["MaximumEventAgeInSeconds"]),
        (&json!(1), &json!(60))
    );
    assert_eq!(updated["DestinationConfig"], destinations);
    let none = json!({ "DestinationConfig": { "OnSuccess": { "Destination": "" } } });
    let updated = lambda.call("POST", PATH, &none).await.ok();
    assert_eq!(updated["DestinationConfig"], json!({ "OnSuccess": {}, "OnFailure": {} }));
    assert_eq!(lambda.get(PATH).await.ok(), updated);
}

#[tokio::test]
async fn there_must_be_something_to_update() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let message = format!("The function {ARN}:$LATEST doesn't have an EventInvokeConfig");
    let answer = lambda.call("POST", PATH, &json!({ "MaximumRetryAttempts": 1 })).await;
    answer.refuses(404, "ResourceNotFoundException", &message);
    lambda.call("PUT", PATH, &json!({ "MaximumRetryAttempts": 1 })).await.ok();
    let message = "You must specify at least one of error handling or destination setting.";
    lambda.call("POST", PATH, &json!({})).await.refuses(400, "InvalidParameterValueException", message);
}
