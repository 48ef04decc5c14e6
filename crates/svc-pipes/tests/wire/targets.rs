//! What targets are sent, and what becomes of events that they do not take.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::platform::{Platform, bodies, url};

#[tokio::test]
async fn a_fifo_queue_has_its_groups_from_the_event() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let out = platform.queue("out.fifo", json!({ "FifoQueue": "true" })).await;
    let more = json!({ "TargetParameters": {
        "InputTemplate": "<$.body.text>",
        "SqsQueueParameters": { "MessageGroupId": "$.body.group", "MessageDeduplicationId": "$.messageId" },
    } });
    platform.pipe("p", &queue, &out, more).await;
    let id = platform.send_to("q", r#"{"group":"g","text":"t"}"#).await;
    let message = platform.received("out.fifo", 1).await.remove(0);
    assert_eq!(message["Body"], "t");
    assert_eq!(message["Attributes"]["MessageGroupId"], "g");
    assert_eq!(message["Attributes"]["MessageDeduplicationId"], id);
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn a_topic_passes_events_on() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let out = platform.open_queue("out").await;
    assert_eq!(platform.form("sns", "Action=CreateTopic&Name=t").await.status, 200);
    let topic = "arn:aws:sns:us-east-1:000000000000:t";
    let subscribe = format!(
        "Action=Subscribe&TopicArn={topic}&Protocol=sqs&Endpoint={out}&Attributes.entry.1.key=RawMessageDelivery\
         &Attributes.entry.1.value=true"
    );
    assert_eq!(platform.form("sns", &subscribe).await.status, 200);
    platform.pipe("p", &queue, topic, json!({ "TargetParameters": { "InputTemplate": "<$.body>" } })).await;
    platform.send_to("q", "news").await;
    assert_eq!(bodies(&platform.received("out", 1).await), ["news"]);
}

#[tokio::test]
async fn a_bus_is_told_what_the_event_is() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let out = platform.open_queue("out").await;
    let rule = json!({ "Name": "r", "EventPattern": r#"{"account":["000000000000"]}"# });
    platform.json("events", "PutRule", &rule).await.ok();
    let targets = json!({ "Rule": "r", "Targets": [{ "Id": "t", "Arn": out }] });
    platform.json("events", "PutTargets", &targets).await.ok();
    let bus = "arn:aws:events:us-east-1:000000000000:event-bus/default";
    let told = json!({ "TargetParameters": {
        "InputTemplate": "<$.body>",
        "EventBridgeEventBusParameters": {
            "DetailType": "$.body.type", "Source": "shop", "Resources": ["$.body.about"], "Time": "$.body.at",
        },
    } });
    platform.pipe("told", &queue, bus, told).await;
    platform.send_to("q", r#"{"type":"Order","about":"arn:aws:s3:::b","at":"2026-11-23T09:00:00Z"}"#).await;
    let event =
        |message: &Json| serde_json::from_str::<Json>(message["Body"].as_str().expect("text")).expect("JSON");
    let first = event(&platform.received("out", 1).await[0]);
    assert_eq!((&first["detail-type"], &first["source"]), (&json!("Order"), &json!("shop")));
    assert_eq!(first["resources"], json!(["arn:aws:s3:::b"]));
    assert_eq!(first["time"], "2026-11-23T09:00:00Z");
    assert_eq!(first["detail"]["type"], "Order");
    platform.ask("POST", "/v1/pipes/told/stop", Json::Null).await.ok();
    platform.until_state("told", "STOPPED").await;
    platform.pipe("plain", &queue, bus, json!({})).await;
    platform.send_to("q", "x").await;
    let second = event(&platform.received("out", 1).await[0]);
    assert_eq!(
        (&second["detail-type"], &second["source"]),
        (&json!("Event from aws:sqs"), &json!("Pipe plain"))
    );
    assert_eq!(second["detail"]["body"], "x");
}

#[tokio::test]
async fn a_stream_is_put_to_with_the_events_key() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let stream = platform.stream("s").await;
    let more = json!({ "TargetParameters": {
        "InputTemplate": "<$.body.data>", "KinesisStreamParameters": { "PartitionKey": "$.body.key" } } });
    platform.pipe("p", &queue, &stream, more).await;
    platform.send_to("q", r#"{"key":"k","data":"d"}"#).await;
    platform.until_left("q", (0, 0)).await;
    let asked = json!({
        "StreamName": "s", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON",
    });
    let iterator = platform.json("kinesis", "GetShardIterator", &asked).await.ok();
    let asked = json!({ "ShardIterator": iterator["ShardIterator"] });
    let records = platform.json("kinesis", "GetRecords", &asked).await.ok();
    let record = &records["Records"][0];
    assert_eq!((&record["PartitionKey"], &record["Data"]), (&json!("k"), &json!("ZA==")));
}

#[tokio::test]
async fn a_log_group_has_a_line_for_each() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    platform.json("logs", "CreateLogGroup", &json!({ "logGroupName": "g" })).await.ok();
    let group = "arn:aws:logs:us-east-1:000000000000:log-group:g";
    let more = json!({ "TargetParameters": {
        "InputTemplate": "<$.body.text>", "CloudWatchLogsParameters": { "LogStreamName": "$.body.stream" } } });
    platform.pipe("p", &queue, group, more).await;
    platform.send_to("q", r#"{"stream":"s","text":"line"}"#).await;
    platform.until_left("q", (0, 0)).await;
    let asked = json!({ "logGroupName": "g", "logStreamName": "s" });
    let events = platform.json("logs", "GetLogEvents", &asked).await.ok();
    assert_eq!(events["events"][0]["message"], "line");
}

/// The queue's policy is the door, as it is for rules.
#[tokio::test]
async fn a_target_that_lets_nobody_in_gets_nothing() {
    let platform = Platform::new().await;
    let dead = platform.queue("dead", json!({})).await;
    let redrive = json!({ "deadLetterTargetArn": dead, "maxReceiveCount": 1 }).to_string();
    let queue = platform.queue("q", json!({ "RedrivePolicy": redrive, "VisibilityTimeout": "30" })).await;
    // Another account's, which has no policy that names this one.
    let create = json!({ "QueueName": "theirs" });
    platform.sqs_of("111111111111", "CreateQueue", &create).await;
    platform.pipe("p", &queue, "arn:aws:sqs:us-east-1:111111111111:theirs", json!({})).await;
    platform.send_to("q", "secret").await;
    platform.until_left("q", (0, 1)).await;
    platform.clock.advance(Duration::from_secs(31));
    assert_eq!(bodies(&platform.received("dead", 1).await), ["secret"]);
    let attributes = json!({ "QueueUrl": url("theirs").replace("000000000000", "111111111111"), "AttributeNames": ["All"] });
    let theirs = platform.sqs_of("111111111111", "GetQueueAttributes", &attributes).await;
    assert_eq!(theirs["Attributes"]["ApproximateNumberOfMessages"], "0");
}
