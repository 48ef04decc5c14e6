//! `PutRuntimeManagementConfig` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Event, Lambda};

const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const PATH: &str = "/2021-07-20/functions/f/runtime-management-config";

async fn put(lambda: &Lambda, query: &str, body: Value) -> Answer {
    lambda.call("PUT", &format!("{PATH}{query}"), &body).await
}

/// The release that runs, as its ARN.
async fn running(lambda: &Lambda, name: &str) -> Value {
    lambda.configuration(name).await["RuntimeVersionConfig"]["RuntimeVersionArn"].clone()
}

/// A host with two releases of Python and a function of each.
async fn two_releases() -> (Lambda, Value, Value) {
    let lambda = Lambda::with_pythons(&[(3, 13), (3, 11)]).await;
    lambda.function("f", "echo").await;
    lambda.create(&Lambda::creation_with("old", json!({ "Runtime": "python3.11" }))).await.ok();
    lambda.settled("old").await;
    let (new, old) = (running(&lambda, "f").await, running(&lambda, "old").await);
    assert_ne!(new, old);
    (lambda, new, old)
}

#[tokio::test]
async fn a_release_can_be_pinned() {
    let (lambda, new, old) = two_releases().await;
    lambda.invoke("f", "1").await.is(200, "1");
    let before = lambda.configuration("f").await;
    let answer = put(&lambda, "", json!({ "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": old })).await;
    let expected = json!({
        "UpdateRuntimeOn": "Manual",
        "FunctionArn": format!("{ARN}:$LATEST"),
        "RuntimeVersionArn": old,
    });
    answer.is_json(200, &expected);
    lambda.get(PATH).await.is_json(200, &expected);
    let after = lambda.configuration("f").await;
    assert_eq!(after["RuntimeVersionConfig"]["RuntimeVersionArn"], old);
    assert_ne!(after["RevisionId"], before["RevisionId"]);
    // Its environments are of the other release from now on.
    lambda.sandboxes.until(Event::Killed(1)).await;
    lambda.invoke("f", "2").await.is(200, "2");
    lambda.ship_logs().await;
    let body = json!({ "logGroupName": "/aws/lambda/f", "filterPattern": "INIT_START" });
    let events = lambda.json("logs", "FilterLogEvents", &body).await.ok()["events"].clone();
    let lines = events.as_array().expect("a list").iter().filter_map(|event| event["message"].as_str());
    let lines = lines.collect::<Vec<_>>();
    // Of one moment and two streams: in no order.
    let of = |release: &str| lines.iter().filter(|line| line.contains(release)).count();
    assert_eq!((lines.len(), of("python:3.13"), of("python:3.11")), (2, 1, 1), "{lines:?}");
    put(&lambda, "", json!({ "UpdateRuntimeOn": "Auto" })).await.ok();
    assert_eq!(running(&lambda, "f").await, new);
}

#[tokio::test]
async fn each_version_has_its_own() {
    let (lambda, new, old) = two_releases().await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let answer =
        put(&lambda, "?Qualifier=1", json!({ "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": old })).await;
    assert_eq!(answer.ok()["FunctionArn"], json!(format!("{ARN}:1")));
    assert_eq!((running(&lambda, "f:1").await, running(&lambda, "f").await), (old, new));
    let auto = json!({ "UpdateRuntimeOn": "Auto", "FunctionArn": format!("{ARN}:$LATEST") });
    lambda.get(PATH).await.is_json(200, &auto);
    lambda.invoke("f:1", "3").await.is(200, "3");
    // Nothing was published anew by it.
    let again = lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    assert_eq!(again["Version"], json!("1"));
}

#[tokio::test]
async fn on_function_update_shows_no_release() {
    let (lambda, new, _) = two_releases().await;
    let expected = json!({ "UpdateRuntimeOn": "FunctionUpdate", "FunctionArn": format!("{ARN}:$LATEST") });
    put(&lambda, "", json!({ "UpdateRuntimeOn": "FunctionUpdate" })).await.is_json(200, &expected);
    lambda.get(PATH).await.is_json(200, &expected);
    assert_eq!(running(&lambda, "f").await, new);
    // An update may change the runtime itself.
    let body = json!({ "Runtime": "python3.11" });
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &body).await.ok();
    lambda.settled("f").await;
    assert_eq!(running(&lambda, "f").await, running(&lambda, "old").await);
}

#[tokio::test]
async fn refusals_change_nothing() {
    let (lambda, _, old) = two_releases().await;
    let before = lambda.configuration("f").await;
    let bad = "InvalidParameterValueException";
    let unknown = format!("arn:aws:lambda:us-east-1::runtime:{}", "0".repeat(64));
    let elsewhere = old.as_str().expect("text").replace("us-east-1", "eu-west-1");
    for arn in [unknown, elsewhere] {
        let message = format!("Runtime version {arn} is not available for runtime python3.13.");
        let body = json!({ "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": arn });
        put(&lambda, "", body).await.refuses(400, bad, &message);
    }
    let message = "RuntimeVersionArn is required when UpdateRuntimeOn is Manual.";
    put(&lambda, "", json!({ "UpdateRuntimeOn": "Manual" })).await.refuses(400, bad, message);
    let message = "RuntimeVersionArn is only supported when UpdateRuntimeOn is Manual.";
    let body = json!({ "UpdateRuntimeOn": "Auto", "RuntimeVersionArn": old });
    put(&lambda, "", body).await.refuses(400, bad, message);
    let auto = json!({ "UpdateRuntimeOn": "Auto" });
    let message = format!("Function not found: {ARN}:9");
    put(&lambda, "?Qualifier=9", auto.clone()).await.refuses(404, "ResourceNotFoundException", &message);
    let alias = json!({ "Name": "live", "FunctionVersion": "$LATEST" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    let message = "Runtime management is not supported for aliases. Please specify a function version.";
    put(&lambda, "?Qualifier=live", auto.clone()).await.refuses(400, bad, message);
    assert_eq!(lambda.configuration("f").await, before);
    lambda.stop_jobs().await;
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &json!({ "Timeout": 4 })).await.ok();
    let message = format!(
        "The operation cannot be performed at this time. An update is in progress for resource: {ARN}"
    );
    put(&lambda, "", auto).await.refuses(409, "ResourceConflictException", &message);
}
