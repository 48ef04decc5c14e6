//! Streams on their way through pipes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};

use crate::platform::{Does, Platform, bodies, function};

/// Table of checkpoints.
const CHECKPOINTS: u16 = 170;

fn of_kinesis(more: Json) -> Json {
    let mut stream = json!({ "StartingPosition": "TRIM_HORIZON" });
    stream.as_object_mut().expect("made here").extend(more.as_object().expect("an object").clone());
    json!({ "KinesisStreamParameters": stream })
}

async fn record(platform: &Platform, key: &str, data: &str) {
    let body = json!({ "StreamName": "s", "PartitionKey": key, "Data": BASE64.encode(data) });
    platform.json("kinesis", "PutRecord", &body).await.ok();
}

#[tokio::test]
async fn a_record_of_kinesis_is_flat() {
    let platform = Platform::new().await;
    let stream = platform.stream("s").await;
    record(&platform, "k", "hello").await;
    platform.pipe("p", &stream, &function("f"), json!({ "SourceParameters": of_kinesis(json!({})) })).await;
    let event = platform.events(1).await.remove(0);
    let found = &event[0];
    assert_eq!((&found["partitionKey"], &found["data"]), (&json!("k"), &json!("aGVsbG8=")));
    assert_eq!((&found["eventSource"], &found["eventSourceARN"]), (&json!("aws:kinesis"), &json!(stream)));
    assert_eq!(found["invokeIdentityArn"], crate::platform::ROLE);
    assert_eq!(found["kinesis"], Json::Null);
}

#[tokio::test]
async fn order_is_kept_on_the_way_to_a_queue() {
    let platform = Platform::new().await;
    let stream = platform.stream("s").await;
    let out = platform.queue("out.fifo", json!({ "FifoQueue": "true" })).await;
    let numbers = (0..20).map(|number| number.to_string()).collect::<Vec<_>>();
    for number in &numbers {
        record(&platform, "k", number).await;
    }
    let more = json!({
        "SourceParameters": of_kinesis(json!({ "BatchSize": 7 })),
        "TargetParameters": {
            "InputTemplate": "<$.data>", "SqsQueueParameters": { "MessageGroupId": "$.partitionKey" } },
    });
    platform.pipe("p", &stream, &out, more).await;
    let mut found = Vec::new();
    while found.len() < 20 {
        for message in platform.received("out.fifo", 1).await {
            found.extend(bodies(std::slice::from_ref(&message)));
            let deleted = json!({
                "QueueUrl": crate::platform::url("out.fifo"), "ReceiptHandle": message["ReceiptHandle"] });
            platform.sqs("DeleteMessage", deleted).await;
        }
    }
    assert_eq!(found, numbers);
}

#[tokio::test]
async fn what_is_given_up_is_told_to_the_dead_letters() {
    let platform = Platform::new().await;
    let stream = platform.table().await;
    let dead = platform.queue("dead", json!({})).await;
    platform.put("a", "1").await;
    platform.then(Does::Fails).then(Does::Fails);
    let more = json!({ "SourceParameters": { "DynamoDBStreamParameters": {
        "StartingPosition": "TRIM_HORIZON", "MaximumRetryAttempts": 1, "DeadLetterConfig": { "Arn": dead } } } });
    platform.pipe("p", &stream, &function("f"), more).await;
    platform.events(1).await;
    while platform.left("dead").await.0 == 0 {
        platform.clock.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
    let letter = bodies(&platform.received("dead", 1).await).remove(0);
    let letter = serde_json::from_str::<Json>(&letter).expect("JSON");
    assert_eq!(
        letter["context"],
        json!({
            "partnerResourceArn": "arn:aws:pipes:us-east-1:000000000000:pipe/p",
            "condition": "RetryAttemptsExhausted",
        })
    );
    assert_eq!(letter["version"], "1.0");
    assert_eq!(letter["DDBStreamBatchInfo"]["batchSize"], 1);
    platform.put("b", "2").await;
    assert_eq!(platform.events(3).await[2][0]["dynamodb"]["NewImage"]["v"]["S"], "2");
}

#[tokio::test]
async fn a_pipe_goes_on_where_it_was_and_a_new_one_begins_anew() {
    let platform = Platform::new().await;
    let stream = platform.table().await;
    let more = json!({
        "SourceParameters": { "DynamoDBStreamParameters": { "StartingPosition": "TRIM_HORIZON" } },
        "TargetParameters": { "InputTemplate": "<$.dynamodb.NewImage.v.S>" },
    });
    platform.put("a", "1").await;
    platform.pipe("p", &stream, &function("f"), more.clone()).await;
    platform.events(1).await;
    platform.ask("POST", "/v1/pipes/p/stop", Json::Null).await.ok();
    platform.until_state("p", "STOPPED").await;
    platform.put("a", "2").await;
    platform.ask("POST", "/v1/pipes/p/start", Json::Null).await.ok();
    platform.until_state("p", "RUNNING").await;
    assert_eq!(platform.events(2).await, [json!(["1"]), json!(["2"])]);
    platform.ask("DELETE", "/v1/pipes/p", Json::Null).await.ok();
    platform.until("nothing of it to be left", || async { platform.rows(CHECKPOINTS).await == 0 }).await;
    platform
        .until("no pipe", || async { platform.ask("GET", "/v1/pipes/p", Json::Null).await.status == 404 })
        .await;
    platform.pipe("p", &stream, &function("f"), more).await;
    assert_eq!(platform.events(3).await[2], json!(["1", "2"]));
}
