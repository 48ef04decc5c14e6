//! `DeleteProvisionedConcurrencyConfig` over the wire, and the other ways in which a configuration goes.

use serde_json::json;
use testkit::{Event, Lambda, soon};

fn path(qualifier: &str) -> String {
    format!("/2019-09-30/functions/f/provisioned-concurrency?Qualifier={qualifier}")
}

/// A function with a version that is provisioned as this qualifier.
async fn provisioned(qualifier: &str) -> Lambda {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let body = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &body).await.ok();
    lambda.call("PUT", &path(qualifier), &json!({ "ProvisionedConcurrentExecutions": 1 })).await.ok();
    lambda.sandboxes.until(Event::Started(1)).await;
    until_idle(&lambda).await;
    lambda
}

async fn until_idle(lambda: &Lambda) {
    let ready = async {
        while lambda.pools.idle() != 1 {
            tokio::task::yield_now().await;
        }
    };
    soon("it to be ready", ready).await;
}

#[tokio::test]
async fn its_environments_end() {
    let lambda = provisioned("1").await;
    for _ in 0..2 {
        lambda.call("DELETE", &path("1"), &json!(null)).await.is(204, "");
    }
    lambda.sandboxes.until(Event::Killed(1)).await;
    let code = "ProvisionedConcurrencyConfigNotFoundException";
    let message = "No Provisioned Concurrency Config found for this function";
    lambda.get(&path("1")).await.refuses(404, code, message);
    lambda.invoke("f:1", "7").await.is(200, "7");
    assert_eq!(lambda.sandboxes.asked(), 2, "on demand");
    let message = "The function resource provided must be an alias or a published version.";
    let answer = lambda.call("DELETE", &path("$LATEST"), &json!(null)).await;
    answer.refuses(400, "InvalidParameterValueException", message);
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:9";
    let answer = lambda.call("DELETE", &path("9"), &json!(null)).await;
    answer.refuses(404, "ResourceNotFoundException", message);
}

#[tokio::test]
async fn it_goes_with_what_it_is_of() {
    for (qualifier, deleted) in
        [("live", "f/aliases/live"), ("live", "f"), ("1", "f"), ("1", "f/aliases/live")]
    {
        let lambda = provisioned(qualifier).await;
        lambda.call("DELETE", &format!("/2015-03-31/functions/{deleted}"), &json!(null)).await.ok();
        if (qualifier, deleted) == ("1", "f/aliases/live") {
            assert_eq!(lambda.rows(141).await, 1);
            lambda.call("DELETE", "/2015-03-31/functions/f?Qualifier=1", &json!(null)).await.ok();
        }
        lambda.sandboxes.until(Event::Killed(1)).await;
        assert_eq!((lambda.rows(141).await, lambda.sandboxes.asked()), (0, 1), "{qualifier} {deleted}");
    }
}

#[tokio::test]
async fn of_another_interpreter_it_is_made_anew() {
    let lambda = provisioned("1").await;
    let body = json!({ "UpdateRuntimeOn": "FunctionUpdate" });
    let path = "/2021-07-20/functions/f/runtime-management-config?Qualifier=1";
    lambda.call("PUT", path, &body).await.ok();
    lambda.sandboxes.until(Event::Killed(1)).await;
    lambda.sandboxes.until(Event::Started(2)).await;
    until_idle(&lambda).await;
    lambda.invoke("f:1", "7").await.is(200, "7");
    assert_eq!(lambda.sandboxes.asked(), 2);
}
