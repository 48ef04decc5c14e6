//! `GetProvisionedConcurrencyConfig` over the wire.

use serde_json::json;
use testkit::Lambda;

fn path(qualifier: &str) -> String {
    format!("/2019-09-30/functions/f/provisioned-concurrency?Qualifier={qualifier}")
}

#[tokio::test]
async fn shows_what_was_asked_for() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    lambda.stop_jobs().await;
    lambda.call("PUT", &path("1"), &json!({ "ProvisionedConcurrentExecutions": 5 })).await.ok();
    lambda.get(&path("1")).await.is_json(
        200,
        &json!({
            "RequestedProvisionedConcurrentExecutions": 5,
            "AvailableProvisionedConcurrentExecutions": 0,
            "AllocatedProvisionedConcurrentExecutions": 0,
            "Status": "IN_PROGRESS",
            "LastModified": "2026-11-23T10:11:12+0000",
        }),
    );
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let lambda = Lambda::new().await;
    let (arn, missing) = ("arn:aws:lambda:us-east-1:000000000000:function:f", "ResourceNotFoundException");
    let answer = lambda.get(&path("1")).await;
    answer.refuses(404, missing, &format!("Function not found: {arn}:1"));
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let code = "ProvisionedConcurrencyConfigNotFoundException";
    let message = "No Provisioned Concurrency Config found for this function";
    lambda.get(&path("1")).await.refuses(404, code, message);
    let answer = lambda.get(&path("live")).await;
    answer.refuses(404, missing, &format!("Cannot find alias arn: {arn}:live"));
    let message = "The function resource provided must be an alias or a published version.";
    lambda.get(&path("$LATEST")).await.refuses(400, "InvalidParameterValueException", message);
}
