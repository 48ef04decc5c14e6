//! `UpdateEventSourceMapping` over the wire.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, Lambda, Sources};

const PATH: &str = "/2015-03-31/event-source-mappings";
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";

async fn update(lambda: &Lambda, uuid: &str, body: Value) -> Answer {
    lambda.call("PUT", &format!("{PATH}/{uuid}"), &body).await
}

async fn until(lambda: &Lambda, uuid: &str, state: &str) {
    let reached = || async { lambda.get(&format!("{PATH}/{uuid}")).await.json()["State"] == state };
    lambda.until(state, reached).await;
}

/// A polled mapping of a queue.
async fn polled() -> (Lambda, Arc<Sources>, String) {
    let sources = Arc::new(Sources::new(&[(QUEUE, Some(30))]));
    let lambda = Lambda::with_sources(Arc::clone(&sources) as Arc<_>).await;
    lambda.function("f", "echo").await;
    let body = json!({ "FunctionName": "f", "EventSourceArn": QUEUE });
    let created = lambda.call("POST", PATH, &body).await.ok();
    let uuid = created["UUID"].as_str().expect("text").to_owned();
    until(&lambda, &uuid, "Enabled").await;
    (lambda, sources, uuid)
}

#[tokio::test]
async fn polling_goes_off_and_on() {
    let (lambda, sources, uuid) = polled().await;
    sources.hold();
    let answer = update(&lambda, &uuid, json!({ "Enabled": false })).await;
    assert_eq!((answer.status, &answer.json()["State"]), (202, &json!("Disabling")));
    // Until its batches are done, nobody else changes it.
    let message = "Cannot update the event source mapping because it is in use.";
    let busy = update(&lambda, &uuid, json!({ "BatchSize": 5 })).await;
    busy.refuses(400, "ResourceInUseException", message);
    let busy = lambda.call("DELETE", &format!("{PATH}/{uuid}"), &Value::Null).await;
    busy.refuses(400, "ResourceInUseException", message);
    sources.release();
    until(&lambda, &uuid, "Disabled").await;
    assert!(sources.polled().is_empty());
    assert_eq!(update(&lambda, &uuid, json!({ "Enabled": true })).await.ok()["State"], json!("Enabling"));
    until(&lambda, &uuid, "Enabled").await;
    assert_eq!(sources.polled().len(), 1);
}

#[tokio::test]
async fn what_is_given_replaces_and_the_poller_has_it() {
    let (lambda, sources, uuid) = polled().await;
    lambda.clock.advance(Duration::from_secs(60));
    let given = json!({
        "BatchSize": 5,
        "ScalingConfig": { "MaximumConcurrency": 7 },
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": { "Filters": [{ "Pattern": "{\"body\":[\"x\"]}" }] },
    });
    let answer = update(&lambda, &uuid, given.clone()).await.ok();
    assert_eq!((&answer["State"], &answer["LastModified"]), (&json!("Updating"), &json!(1_795_428_732.345)));
    until(&lambda, &uuid, "Enabled").await;
    let shown = lambda.get(&format!("{PATH}/{uuid}")).await.ok();
    for (member, value) in given.as_object().expect("an object") {
        assert_eq!(&shown[member], value);
    }
    let settings = sources.polled()[&uuid].settings.clone();
    assert_eq!((settings.batch_size, settings.concurrency_max), (Some(5), Some(7)));
    // Empty structures take away, what is absent stays.
    let empty = json!({ "ScalingConfig": {}, "FilterCriteria": {}, "FunctionResponseTypes": [] });
    update(&lambda, &uuid, empty).await.ok();
    until(&lambda, &uuid, "Enabled").await;
    let shown = lambda.get(&format!("{PATH}/{uuid}")).await.ok();
    assert_eq!((shown.get("ScalingConfig"), shown.get("FilterCriteria")), (None, None));
    assert_eq!((&shown["BatchSize"], &shown["FunctionResponseTypes"]), (&json!(5), &json!([])));
}

#[tokio::test]
async fn another_function_takes_over() {
    let (lambda, _, uuid) = polled().await;
    lambda.function("g", "echo").await;
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:g";
    assert_eq!(update(&lambda, &uuid, json!({ "FunctionName": "g" })).await.ok()["FunctionArn"], json!(arn));
    until(&lambda, &uuid, "Enabled").await;
    // The place of the old pair is free, that of the new one taken.
    let created =
        lambda.call("POST", PATH, &json!({ "FunctionName": "f", "EventSourceArn": QUEUE })).await.ok();
    let other = created["UUID"].as_str().expect("text");
    until(&lambda, other, "Enabled").await;
    let message = format!(
        "An event source mapping with SQS arn (\" {QUEUE} \") and function (\" g \") already exists. Please update or \
         delete the existing mapping with UUID {uuid}"
    );
    let taken = update(&lambda, other, json!({ "FunctionName": "g" })).await;
    taken.refuses(409, "ResourceConflictException", &message);
    assert_eq!(lambda.rows(155).await, 2);
}

#[tokio::test]
async fn refusals_change_nothing() {
    let (lambda, _, uuid) = polled().await;
    let before = lambda.get(&format!("{PATH}/{uuid}")).await.ok();
    let bad = "InvalidParameterValueException";
    let message =
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10";
    update(&lambda, &uuid, json!({ "BatchSize": 11 })).await.refuses(400, bad, message);
    let message = "Unsupported ParallelizationFactor parameter for given event source mapping type.";
    update(&lambda, &uuid, json!({ "ParallelizationFactor": 2 })).await.refuses(400, bad, message);
    let message = "Function does not exist";
    update(&lambda, &uuid, json!({ "FunctionName": "g" })).await.refuses(400, bad, message);
    let message = "Lambent's UpdateEventSourceMapping does not honour MetricsConfig yet, so it refuses it.";
    let metrics = json!({ "MetricsConfig": { "Metrics": ["EventCount"] } });
    update(&lambda, &uuid, metrics).await.refuses(501, "NotImplementedException", message);
    let message = "The resource you requested does not exist.";
    let missing = update(&lambda, "00000000-0000-0000-0000-000000000000", json!({ "BatchSize": 1 })).await;
    missing.refuses(404, "ResourceNotFoundException", message);
    assert_eq!(lambda.get(&format!("{PATH}/{uuid}")).await.ok(), before);
}

#[tokio::test]
async fn what_nothing_here_polls_stays_off() {
    let lambda = Lambda::new().await;
    lambda.function("f", "echo").await;
    let body = json!({ "FunctionName": "f", "EventSourceArn": QUEUE, "Enabled": false });
    let created = lambda.call("POST", PATH, &body).await.ok();
    let uuid = created["UUID"].as_str().expect("text");
    until(&lambda, uuid, "Disabled").await;
    assert_eq!(update(&lambda, uuid, json!({ "Enabled": true })).await.status, 501);
    update(&lambda, uuid, json!({ "BatchSize": 3 })).await.ok();
    until(&lambda, uuid, "Disabled").await;
    // Also of a function that is gone: it can still be changed, and deleted.
    lambda.call("DELETE", "/2015-03-31/functions/f", &Value::Null).await.ok();
    update(&lambda, uuid, json!({ "BatchSize": 4 })).await.ok();
}
