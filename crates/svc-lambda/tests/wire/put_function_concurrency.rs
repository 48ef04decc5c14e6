//! `PutFunctionConcurrency` over the wire, and what it does to invocations.

use execution::Options;
use serde_json::{Value, json};
use testkit::{Answer, Event, Lambda};

const PATH: &str = "/2017-10-31/functions/f/concurrency";
const INVALID: &str = "InvalidParameterValueException";

async fn put(lambda: &Lambda, path: &str, count: i64) -> Answer {
    lambda.call("PUT", path, &json!({ "ReservedConcurrentExecutions": count })).await
}

async fn unreserved(lambda: &Lambda) -> Value {
    let settings = lambda.get("/2016-08-19/account-settings").await.ok();
    settings["AccountLimit"]["UnreservedConcurrentExecutions"].clone()
}

#[tokio::test]
async fn what_is_reserved_is_shown_and_taken_from_the_account() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    put(&lambda, PATH, 300).await.is(200, r#"{"ReservedConcurrentExecutions":300}"#);
    put(&lambda, PATH, 200).await.ok();
    let shown = lambda.get("/2015-03-31/functions/f").await.ok();
    assert_eq!(shown["Concurrency"], json!({ "ReservedConcurrentExecutions": 200 }));
    assert_eq!(unreserved(&lambda).await, 800);
    put(&lambda, PATH, 900).await.ok();
    put(&lambda, PATH, 0).await.ok();
    assert_eq!(unreserved(&lambda).await, 1000);
}

#[tokio::test]
async fn a_hundred_are_left_for_all_others() {
    let lambda = Lambda::new().await;
    for name in ["f", "g"] {
        lambda.function(name, "echo").await;
    }
    let message = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                   below its minimum value of [100].";
    put(&lambda, PATH, 901).await.refuses(400, INVALID, message);
    put(&lambda, PATH, 900).await.ok();
    let other = "/2017-10-31/functions/g/concurrency";
    put(&lambda, other, 1).await.refuses(400, INVALID, message);
    put(&lambda, other, 0).await.ok();
    assert_eq!((unreserved(&lambda).await, lambda.rows(140).await), (json!(100), 2));

    let small = Lambda::with(|options| Options { concurrency_max: 10, ..options }).await;
    small.function("f", "echo").await;
    let message = message.replace("100", "10");
    put(&small, PATH, 1).await.refuses(400, INVALID, &message);
}

#[tokio::test]
async fn only_functions_reserve() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let message = "This operation is permitted on Lambda functions only. Aliases and versions do not support this \
                   operation. Please specify either a function name or an unqualified function ARN.";
    let path = "/2017-10-31/functions/f:live/concurrency";
    put(&lambda, path, 1).await.refuses(400, INVALID, message);
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:none";
    let path = "/2017-10-31/functions/none/concurrency";
    put(&lambda, path, 1).await.refuses(404, "ResourceNotFoundException", message);
    let refused = put(&lambda, PATH, -1).await;
    assert_eq!((refused.status, refused.header("x-amzn-errortype")), (400, "ValidationException"));
    assert_eq!(lambda.rows(140).await, 0);
}

#[tokio::test]
async fn not_below_what_is_provisioned() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let path = "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=1";
    lambda.call("PUT", path, &json!({ "ProvisionedConcurrentExecutions": 2 })).await.ok();
    let message = " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].";
    put(&lambda, PATH, 1).await.refuses(400, INVALID, message);
    put(&lambda, PATH, 2).await.ok();
    assert_eq!(unreserved(&lambda).await, 998, "what is provisioned is a part of what is reserved");
}

#[tokio::test]
async fn a_share_caps_its_function_and_is_kept_for_it() {
    let lambda = Lambda::with(|options| Options { concurrency_max: 102, ..options }).await;
    lambda.function("f", "held").await;
    put(&lambda, PATH, 1).await.ok();
    let (first, refused) = tokio::join!(lambda.invoke("f", "1"), async {
        lambda.sandboxes.until(Event::Works(1)).await;
        let refused = lambda.invoke("f", "1").await;
        lambda.sandboxes.let_go_on(1);
        refused
    });
    first.is(200, "1");
    let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
    refused.is_json(429, &json!({ "Type": "User", "message": "Rate Exceeded.", "Reason": reason }));
    assert_eq!(refused.header("retry-after"), "1");
    put(&lambda, PATH, 0).await.ok();
    assert_eq!(lambda.invoke("f", "1").await.json()["Reason"], reason);
    put(&lambda, PATH, 2).await.ok();
    lambda.sandboxes.let_go_on(1);
    lambda.invoke("f", "1").await.is(200, "1");
}
