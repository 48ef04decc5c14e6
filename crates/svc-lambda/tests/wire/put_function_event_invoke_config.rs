//! `PutFunctionEventInvokeConfig` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, EPOCH_MS, Lambda, Mailbox};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const PATH: &str = "/2019-09-25/functions/f/event-invoke-config";

async fn put(lambda: &Lambda, body: Value) -> Answer {
    lambda.call("PUT", PATH, &body).await
}

fn to(on_success: &str, on_failure: &str) -> Value {
    json!({ "DestinationConfig": { "OnSuccess": { "Destination": on_success }, "OnFailure": { "Destination": on_failure } } })
}

async fn with_functions() -> Lambda {
    let lambda = Lambda::beside(|options| options, vec![Mailbox::new().service("s3")]).await;
    lambda.function("f", "echo").await;
    lambda.function("g", "echo").await;
    lambda
}

#[tokio::test]
async fn what_is_not_given_is_reset() {
    let lambda = with_functions().await;
    let since = EPOCH_MS as f64 / 1000.0;
    let body = json!({ "MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 100 });
    put(&lambda, body).await.is_json(
        200,
        &json!({
            "LastModified": since,
            "FunctionArn": format!("{ARN}:$LATEST"),
            "MaximumRetryAttempts": 1,
            "MaximumEventAgeInSeconds": 100,
            "DestinationConfig": { "OnSuccess": {}, "OnFailure": {} },
        }),
    );
    let other = ARN.replace("n:f", "n:g");
    let stored = put(&lambda, to(&other, "arn:aws:s3:::b")).await.ok();
    assert_eq!(
        stored,
        json!({
            "LastModified": since,
            "FunctionArn": format!("{ARN}:$LATEST"),
            "DestinationConfig": { "OnSuccess": { "Destination": other }, "OnFailure": { "Destination": "arn:aws:s3:::b" } },
        })
    );
    assert_eq!(lambda.get(PATH).await.ok(), stored);
}

#[tokio::test]
async fn what_is_no_destination_is_refused() {
    let lambda = with_functions().await;
    let invalid = "InvalidParameterValueException";
    let check = async |body: Value, status: u16, code: &str, message: &str| {
        put(&lambda, body).await.refuses(status, code, message);
    };
    let message = "You must specify at least one of error handling or destination setting.";
    check(json!({}), 400, invalid, message).await;
    for arn in [
        "arn:aws:dynamodb:us-east-1:000000000000:table/t",
        "arn:aws:sqs:us-east-1:000000000000:q.fifo",
        "arn:aws:lambda:us-east-1:000000000000:function:missing",
        "arn:aws:lambda:us-east-1:000000000000:layer:l",
        "arn:aws:s3:::missing",
        "kafka://topic",
    ] {
        check(to("", arn), 400, invalid, &format!("The destination ARN {arn} is invalid.")).await;
    }
    let message = "You can't specify the function as a destination for itself.";
    check(to(ARN, ""), 400, invalid, message).await;
    check(to(&format!("{ARN}:$LATEST"), ""), 400, invalid, message).await;
    let message = "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:s3:::b), onFailure=null) is invalid.";
    let body = json!({ "DestinationConfig": { "OnSuccess": { "Destination": "arn:aws:s3:::b" } } });
    check(body, 400, invalid, message).await;
    let message = "Lambent's DestinationConfig does not honour targets of sqs, a service it does not serve, yet, so it refuses it.";
    check(to("", "arn:aws:sqs:us-east-1:000000000000:q"), 501, "NotImplementedException", message).await;
    for (member, value) in [("MaximumRetryAttempts", 3), ("MaximumEventAgeInSeconds", 59)] {
        assert_eq!(put(&lambda, json!({ member: value })).await.status, 400);
    }
    assert_eq!(lambda.get(PATH).await.status, 404);
}

#[tokio::test]
async fn functions_versions_and_aliases_must_be_there() {
    let lambda = with_functions().await;
    let body = json!({ "MaximumRetryAttempts": 1 });
    for path in [
        "/2019-09-25/functions/missing/event-invoke-config",
        "/2019-09-25/functions/f/event-invoke-config?Qualifier=7",
        "/2019-09-25/functions/f/event-invoke-config?Qualifier=live",
    ] {
        let answer = lambda.call("PUT", path, &body).await;
        answer.refuses(404, "ResourceNotFoundException", "The function doesn't exist.");
    }
}

#[tokio::test]
async fn they_go_with_what_they_are_for() {
    let lambda = with_functions().await;
    let body = json!({ "MaximumRetryAttempts": 1 });
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let alias = json!({ "Name": "live", "FunctionVersion": "$LATEST" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    for qualifier in ["$LATEST", "1", "live"] {
        lambda.call("PUT", &format!("{PATH}?Qualifier={qualifier}"), &body).await.ok();
    }
    assert_eq!(lambda.rows(121).await, 3);
    lambda.call("DELETE", "/2015-03-31/functions/f/aliases/live", &Value::Null).await.is(204, "");
    assert_eq!(lambda.rows(121).await, 2);
    lambda.call("DELETE", "/2015-03-31/functions/f?Qualifier=1", &Value::Null).await.is(204, "");
    assert_eq!(lambda.rows(121).await, 1);
    let recursion = json!({ "RecursiveLoop": "Allow" });
    lambda.call("PUT", "/2024-08-31/functions/f/recursion-config", &recursion).await.ok();
    assert_eq!(lambda.rows(122).await, 1);
    lambda.call("DELETE", "/2015-03-31/functions/f", &Value::Null).await.is(204, "");
    assert_eq!((lambda.rows(121).await, lambda.rows(122).await), (0, 0));
}
