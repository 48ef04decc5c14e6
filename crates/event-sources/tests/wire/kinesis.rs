//! Kinesis streams as event sources.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};

use crate::platform::{Does, Platform};

const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/str";

async fn stream(platform: &Platform, shards: u32) {
    kinesis(platform, "CreateStream", json!({ "StreamName": "str", "ShardCount": shards })).await;
    platform
        .until("an active stream", || async {
            let described = kinesis(platform, "DescribeStreamSummary", json!({ "StreamName": "str" })).await;
            described["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"
        })
        .await;
}

async fn kinesis(platform: &Platform, operation: &str, body: Json) -> Json {
    platform.json("kinesis", operation, &body).await.ok()
}

async fn put(platform: &Platform, key: &str, data: &str) -> Json {
    let body = json!({ "StreamName": "str", "PartitionKey": key, "Data": BASE64.encode(data) });
    kinesis(platform, "PutRecord", body).await
}

fn data(events: &[Json]) -> Vec<String> {
    let records = events.iter().flat_map(|event| event["Records"].as_array().expect("records"));
    let data = records.map(|record| record["kinesis"]["data"].as_str().expect("data"));
    data.map(|data| String::from_utf8(BASE64.decode(data).expect("base64")).expect("text")).collect()
}

fn from_the_first() -> Json {
    json!({ "StartingPosition": "TRIM_HORIZON" })
}

#[tokio::test]
async fn a_record_reads_as_awss() {
    let platform = Platform::new().await;
    stream(&platform, 1).await;
    platform.mapping(STREAM, from_the_first()).await;
    let sent = put(&platform, "key", "hello").await;
    let event = platform.events(1).await.remove(0);
    let record = &event["Records"][0];
    let shard = sent["ShardId"].as_str().expect("a shard");
    let sequence = sent["SequenceNumber"].as_str().expect("a number");
    assert_eq!(record["eventID"], format!("{shard}:{sequence}"));
    assert_eq!(record["eventName"], "aws:kinesis:record");
    assert_eq!(record["eventSource"], "aws:kinesis");
    assert_eq!(record["eventVersion"], "1.0");
    assert_eq!(record["eventSourceARN"], STREAM);
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["invokeIdentityArn"], "arn:aws:iam::000000000000:role/r");
    let kinesis = &record["kinesis"];
    assert_eq!((&kinesis["partitionKey"], &kinesis["sequenceNumber"]), (&json!("key"), &json!(sequence)));
    assert_eq!((&kinesis["data"], &kinesis["kinesisSchemaVersion"]), (&json!("aGVsbG8="), &json!("1.0")));
    assert_eq!(kinesis["approximateArrivalTimestamp"], json!(1_795_428_672.345));
}

#[tokio::test]
async fn children_are_read_after_their_parent() {
    let platform = Platform::new().await;
    stream(&platform, 1).await;
    for number in 0..5 {
        put(&platform, "key", &number.to_string()).await;
    }
    let half = "170141183460469231731687303715884105728";
    let split =
        json!({ "StreamName": "str", "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": half });
    kinesis(&platform, "SplitShard", split).await;
    platform
        .until("two more shards", || async {
            platform.clock.advance(Duration::from_secs(1));
            let listed = kinesis(&platform, "ListShards", json!({ "StreamName": "str" })).await;
            let described = kinesis(&platform, "DescribeStreamSummary", json!({ "StreamName": "str" })).await;
            listed["Shards"].as_array().is_some_and(|shards| shards.len() == 3)
                && described["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE"
        })
        .await;
    for number in 5..10 {
        put(&platform, "key", &number.to_string()).await;
    }
    // The parent holds its children back as long as one of its records fails.
    platform.then(Does::Fails).then(Does::Fails);
    platform.mapping(STREAM, from_the_first()).await;
    let all = || async { platform.count() >= 4 };
    while !all().await {
        platform.clock.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
    let events = platform.events(4).await;
    assert_eq!(data(&events[..3])[..10], ["0", "1", "2", "3", "4", "0", "1", "2", "3", "4"]);
    assert_eq!(data(&events[2..]), (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn reading_may_begin_at_a_time() {
    let platform = Platform::new().await;
    stream(&platform, 2).await;
    put(&platform, "key", "before").await;
    platform.clock.advance(Duration::from_secs(60));
    let at = platform.env.now().as_secs();
    platform.clock.advance(Duration::from_secs(60));
    put(&platform, "key", "after").await;
    let settings = json!({ "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": at });
    platform.mapping(STREAM, settings).await;
    assert_eq!(data(&platform.events(1).await), ["after"]);
}

#[tokio::test]
async fn filters_see_the_data() {
    let platform = Platform::new().await;
    stream(&platform, 1).await;
    let pattern = r#"{"data":{"kind":["order"]},"partitionKey":["a"]}"#;
    let mut settings = from_the_first();
    settings["FilterCriteria"] = json!({ "Filters": [{ "Pattern": pattern }] });
    platform.mapping(STREAM, settings).await;
    put(&platform, "a", "text").await;
    put(&platform, "b", r#"{"kind":"order"}"#).await;
    put(&platform, "a", r#"{"kind":"order","n":1}"#).await;
    assert_eq!(data(&platform.events(1).await), [r#"{"kind":"order","n":1}"#]);
}

async fn consumer(platform: &Platform) -> String {
    let body = json!({ "StreamARN": STREAM, "ConsumerName": "con" });
    let registered = kinesis(platform, "RegisterStreamConsumer", body).await;
    registered["Consumer"]["ConsumerARN"].as_str().expect("an ARN").to_owned()
}

#[tokio::test]
async fn a_consumer_is_pushed_to() {
    let platform = Platform::new().await;
    stream(&platform, 2).await;
    put(&platform, "key", "before").await;
    let consumer = consumer(&platform).await;
    platform.mapping(&consumer, from_the_first()).await;
    let event = platform.events(1).await.remove(0);
    assert_eq!(data(std::slice::from_ref(&event)), ["before"]);
    assert_eq!(event["Records"][0]["eventSourceARN"], consumer);
    put(&platform, "key", "after").await;
    assert_eq!(data(&platform.events(2).await), ["before", "after"]);
    // Nobody else may subscribe: the mapping's subscription lasts, and the next one goes on where it ended.
    for number in 0..3 {
        platform.clock.advance(Duration::from_secs(301));
        put(&platform, "key", &number.to_string()).await;
        platform.events(3 + number).await;
    }
    assert_eq!(data(&platform.events(5).await), ["before", "after", "0", "1", "2"]);
}

#[tokio::test]
async fn a_consumer_that_begins_with_the_latest_misses_nothing_after_a_pause() {
    let platform = Platform::new().await;
    stream(&platform, 1).await;
    put(&platform, "key", "before").await;
    let consumer = consumer(&platform).await;
    let uuid = platform.mapping(&consumer, json!({ "StartingPosition": "LATEST" })).await;
    // What comes before the subscription begins is not the latest.
    let mut number = 0;
    while platform.count() == 0 {
        put(&platform, "key", &format!("after {number}")).await;
        number += 1;
        tokio::task::yield_now().await;
    }
    let first = data(&platform.events(1).await)[0].clone();
    assert!(first.starts_with("after"), "{first}");
    platform.switch(&uuid, false).await;
    put(&platform, "key", "while it was off").await;
    platform.clock.advance(Duration::from_secs(10));
    platform.switch(&uuid, true).await;
    platform
        .until("the record", || async {
            let count = platform.count();
            data(&platform.events(count).await).contains(&"while it was off".to_owned())
        })
        .await;
}

#[tokio::test]
async fn a_consumers_shards_are_read_parents_first() {
    let platform = Platform::new().await;
    stream(&platform, 1).await;
    let consumer = consumer(&platform).await;
    for number in 0..5 {
        put(&platform, "key", &number.to_string()).await;
    }
    let half = "170141183460469231731687303715884105728";
    let split =
        json!({ "StreamName": "str", "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": half });
    kinesis(&platform, "SplitShard", split).await;
    for number in 5..10 {
        put(&platform, "key", &number.to_string()).await;
    }
    platform.mapping(&consumer, from_the_first()).await;
    platform
        .until("all of them", || async {
            let count = platform.count();
            count > 0 && data(&platform.events(count).await).len() == 10
        })
        .await;
    let numbers = (0..10).map(|number| number.to_string()).collect::<Vec<_>>();
    assert_eq!(data(&platform.events(1).await), numbers);
}

#[tokio::test]
async fn a_consumer_that_is_missing_is_no_source() {
    let platform = Platform::new().await;
    stream(&platform, 1).await;
    let missing = format!("{STREAM}/consumer/none:1795428672");
    let body = json!({ "FunctionName": "f", "EventSourceArn": missing, "StartingPosition": "LATEST" });
    let answer = platform.call("POST", "/2015-03-31/event-source-mappings/", &body).await;
    answer.refuses(400, "InvalidParameterValueException", &format!("Stream not found: {missing}"));
}
