//! `TagResource` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Lambda};

const ARN: &str = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af";

async fn tag(lambda: &Lambda, tags: Value) -> Answer {
    lambda.call("POST", ARN, &json!({ "Tags": tags })).await
}

#[tokio::test]
async fn adds_and_changes() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    tag(&lambda, json!({ "a": "1", "b": "2" })).await.is(204, "");
    tag(&lambda, json!({ "b": "3" })).await.is(204, "");
    lambda.get(ARN).await.is(200, r#"{"Tags":{"a":"1","b":"3"}}"#);
}

#[tokio::test]
async fn refusals_change_nothing() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    tag(&lambda, json!({ "a": "1" })).await.ok();
    let bad = "InvalidParameterValueException";
    tag(&lambda, json!({})).await.refuses(400, bad, "An error occurred and the request cannot be processed.");
    let many = (0..50).map(|number| (number.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>();
    tag(&lambda, many.into()).await.refuses(400, bad, "Number of tags exceeds resource tag limit.");
    let version = lambda.call("POST", &format!("{ARN}%3A1"), &json!({ "Tags": { "a": "2" } })).await;
    let message = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
    version.refuses(400, bad, message);
    lambda.get(ARN).await.is(200, r#"{"Tags":{"a":"1"}}"#);
}

#[tokio::test]
async fn not_while_the_function_is_being_updated() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    lambda.stop_jobs().await;
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &json!({ "Timeout": 4 })).await.ok();
    let message = "The operation cannot be performed at this time. An update is in progress for resource: \
                   arn:aws:lambda:us-east-1:000000000000:function:f";
    tag(&lambda, json!({ "a": "1" })).await.refuses(409, "ResourceConflictException", message);
}

#[tokio::test]
async fn a_tag_that_comes_while_the_function_is_being_created_holds_nothing_up() {
    let lambda = Lambda::new().await;
    lambda.stop_jobs().await;
    lambda.create(&Lambda::creation("f", "echo")).await.ok();
    // It waits for its package when it is tagged.
    lambda.hold_packages();
    lambda.start_jobs();
    lambda.until_packages_wanted(1).await;
    tag(&lambda, json!({ "a": "1" })).await.is(204, "");
    lambda.release_packages();
    lambda.settled("f").await;
    assert_eq!(lambda.configuration("f").await["State"], "Active");
    lambda.get(ARN).await.is(200, r#"{"Tags":{"a":"1"}}"#);
}
