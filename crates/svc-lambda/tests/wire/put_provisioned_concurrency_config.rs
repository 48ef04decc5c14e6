//! `PutProvisionedConcurrencyConfig` over the wire, and what becomes of it.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, Event, Lambda};

const CODE: &str = "InvalidParameterValueException";

fn path(qualifier: &str) -> String {
    format!("/2019-09-30/functions/f/provisioned-concurrency?Qualifier={qualifier}")
}

async fn put(lambda: &Lambda, qualifier: &str, count: i64) -> Answer {
    lambda.call("PUT", &path(qualifier), &json!({ "ProvisionedConcurrentExecutions": count })).await
}

async fn publish(lambda: &Lambda, description: &str) {
    let body = json!({ "Description": description });
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &body).await.ok();
    lambda.settled("f").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
}

async fn alias(lambda: &Lambda, body: Value) {
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &body).await.ok();
}

/// A function `f` with the versions 1 and 2, and the alias `live` of the first.
async fn published(handler: &str) -> Lambda {
    let lambda = Lambda::new().await;
    lambda.function("f", handler).await;
    publish(&lambda, "1").await;
    publish(&lambda, "2").await;
    alias(&lambda, json!({ "Name": "live", "FunctionVersion": "1" })).await;
    lambda
}

/// Waits until a configuration has this status, moving the clock a second at a time.
async fn until(lambda: &Lambda, qualifier: &str, status: &str) -> Value {
    let wait = async {
        loop {
            let shown = lambda.get(&path(qualifier)).await.ok();
            if shown["Status"] == status {
                return shown;
            }
            lambda.wire.clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
        }
    };
    testkit::soon("a status", wait).await
}

fn starts(lambda: &Lambda) -> usize {
    lambda.sandboxes.count(|event| matches!(event, Event::Started(_)))
}

fn kills(lambda: &Lambda) -> usize {
    lambda.sandboxes.count(|event| matches!(event, Event::Killed(_)))
}

async fn until_killed(lambda: &Lambda, count: usize) {
    let wait = async {
        while kills(lambda) != count {
            tokio::task::yield_now().await;
        }
    };
    testkit::soon("environments to end", wait).await;
}

#[tokio::test]
async fn environments_are_started_ahead_of_calls() {
    let lambda = published("echo").await;
    put(&lambda, "live", 2).await.is_json(
        202,
        &json!({
            "RequestedProvisionedConcurrentExecutions": 2,
            "AvailableProvisionedConcurrentExecutions": 0,
            "AllocatedProvisionedConcurrentExecutions": 0,
            "Status": "IN_PROGRESS",
            "LastModified": "2026-11-23T10:11:12+0000",
        }),
    );
    let shown = until(&lambda, "live", "READY").await;
    assert_eq!(
        (
            &shown["AvailableProvisionedConcurrentExecutions"],
            &shown["AllocatedProvisionedConcurrentExecutions"]
        ),
        (&json!(2), &json!(2))
    );
    lambda.invoke("f:live", "7").await.is(200, "7");
    lambda.invoke("f:1", "7").await.is(200, "7");
    assert_eq!(starts(&lambda), 2);
    lambda.invoke("f", "7").await.is(200, "7");
    assert_eq!(starts(&lambda), 3, "$LATEST is another version");
    let settings = lambda.get("/2016-08-19/account-settings").await.ok();
    assert_eq!(settings["AccountLimit"]["UnreservedConcurrentExecutions"], 998);

    put(&lambda, "live", 3).await.ok();
    until(&lambda, "live", "READY").await;
    assert_eq!(starts(&lambda), 4);
    put(&lambda, "live", 1).await.ok();
    until_killed(&lambda, 2).await;
}

#[tokio::test]
async fn an_alias_that_moves_takes_its_environments_along() {
    let lambda = published("echo").await;
    put(&lambda, "live", 1).await.ok();
    until(&lambda, "live", "READY").await;
    lambda.sandboxes.hold_starts();
    let aliases = "/2015-03-31/functions/f/aliases/live";
    lambda.call("PUT", aliases, &json!({ "FunctionVersion": "2" })).await.ok();
    lambda.sandboxes.until_asked(2).await;
    let shown = lambda.get(&path("live")).await.ok();
    assert_eq!(
        (&shown["Status"], &shown["AllocatedProvisionedConcurrentExecutions"]),
        (&json!("IN_PROGRESS"), &json!(0))
    );
    assert_eq!(kills(&lambda), 0, "the old one stays until the new one is ready");
    lambda.sandboxes.let_start(1);
    until(&lambda, "live", "READY").await;
    until_killed(&lambda, 1).await;
    assert_eq!(lambda.sandboxes.count(|event| *event == Event::Killed(1)), 1);

    // An alias with weights divides what it has.
    lambda.sandboxes.let_start(10);
    put(&lambda, "live", 4).await.ok();
    let routing = json!({ "RoutingConfig": { "AdditionalVersionWeights": { "1": 0.25 } } });
    lambda.call("PUT", aliases, &routing).await.ok();
    let wait = async {
        while lambda.pools.provisioned("arn:aws:lambda:us-east-1:000000000000:function:f").len() != 2 {
            tokio::task::yield_now().await;
        }
    };
    testkit::soon("the second version to be provisioned", wait).await;
    until(&lambda, "live", "READY").await;
    let live = lambda.pools.provisioned("arn:aws:lambda:us-east-1:000000000000:function:f");
    let mut live = live.iter().map(|live| (live.version.version.as_str(), live.ready)).collect::<Vec<_>>();
    live.sort_unstable();
    assert_eq!(live, [("1", 1), ("2", 3)]);
}

#[tokio::test]
async fn what_fails_in_init_is_shown_as_failed() {
    let lambda = published("init-exit").await;
    put(&lambda, "1", 1).await.ok();
    let shown = until(&lambda, "1", "FAILED").await;
    assert_eq!(
        (&shown["StatusReason"], &shown["AllocatedProvisionedConcurrentExecutions"]),
        (&json!("FUNCTION_ERROR_INIT_FAILURE"), &json!(0))
    );
    lambda.sandboxes.on("init-exit", |mut runtime| async move {
        runtime.next().await;
        std::future::pending().await
    });
    assert_eq!(put(&lambda, "1", 1).await.ok()["Status"], "IN_PROGRESS");
    assert_eq!(until(&lambda, "1", "READY").await.get("StatusReason"), None);
}

#[tokio::test]
async fn only_what_is_published_is_provisioned() {
    let lambda = published("echo").await;
    let message = "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
    put(&lambda, "$LATEST", 1).await.refuses(400, CODE, message);
    alias(&lambda, json!({ "Name": "dev", "FunctionVersion": "$LATEST" })).await;
    put(&lambda, "dev", 1).await.refuses(400, CODE, message);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let missing = "ResourceNotFoundException";
    put(&lambda, "9", 1).await.refuses(404, missing, &format!("Function not found: {arn}:9"));
    put(&lambda, "gone", 1).await.refuses(404, missing, &format!("Cannot find alias arn: {arn}:gone"));
    let refused = put(&lambda, "1", 0).await;
    assert_eq!((refused.status, refused.header("x-amzn-errortype")), (400, "ValidationException"));
    let refused = lambda.call("PUT", &path("1"), &json!({})).await;
    assert_eq!((refused.status, refused.header("x-amzn-errortype")), (400, "ValidationException"));
    assert_eq!(lambda.rows(141).await, 0);

    put(&lambda, "live", 1).await.ok();
    let aliases = "/2015-03-31/functions/f/aliases/live";
    let moved = lambda.call("PUT", aliases, &json!({ "FunctionVersion": "$LATEST" })).await;
    moved.refuses(400, CODE, message);
}

#[tokio::test]
async fn a_version_is_provisioned_in_one_way() {
    let lambda = published("echo").await;
    put(&lambda, "live", 1).await.ok();
    let conflict = "ResourceConflictException";
    let message = "Version is pointed by a Provisioned Concurrency alias";
    put(&lambda, "1", 1).await.refuses(409, conflict, message);
    put(&lambda, "2", 1).await.ok();
    alias(&lambda, json!({ "Name": "next", "FunctionVersion": "2" })).await;
    let message =
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version";
    put(&lambda, "next", 1).await.refuses(409, conflict, message);
    let aliases = "/2015-03-31/functions/f/aliases/live";
    let moved = lambda.call("PUT", aliases, &json!({ "FunctionVersion": "2" })).await;
    moved.refuses(409, conflict, message);
}

#[tokio::test]
async fn no_more_than_there_is() {
    let lambda = published("echo").await;
    let message = "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].";
    put(&lambda, "1", 1001).await.refuses(400, CODE, message);
    let message = "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
                   minimum value of [100].";
    put(&lambda, "1", 901).await.refuses(400, CODE, message);
    let reserved = "/2017-10-31/functions/f/concurrency";
    lambda.call("PUT", reserved, &json!({ "ReservedConcurrentExecutions": 3 })).await.ok();
    put(&lambda, "1", 2).await.ok();
    let message = "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function";
    put(&lambda, "2", 2).await.refuses(400, CODE, message);
    put(&lambda, "2", 1).await.ok();
    until(&lambda, "2", "READY").await;
    until(&lambda, "1", "READY").await;
    // All of the share is provisioned: nothing is left for $LATEST.
    let refused = lambda.invoke("f", "1").await;
    assert_eq!(refused.json()["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded");
}
