//! Throughput of shards, where the setting is that they refuse more.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use svc_kinesis::Config;
use testkit::Kinesis;

const MESSAGE: &str = "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000.";

async fn throttled(shards: u32) -> Kinesis {
    let kinesis = Kinesis::with(Config { throttle: true });
    kinesis.on("CreateStream", json!({ "ShardCount": shards })).await.ok();
    kinesis
}

#[tokio::test]
async fn a_shard_takes_a_megabyte_a_second() {
    let kinesis = throttled(2).await;
    let record = |key: &str| json!({ "PartitionKey": key, "Data": BASE64.encode(vec![0; 600_000]) });
    let put =
        kinesis.on("PutRecords", json!({ "Records": [record("a"), record("a"), record("b")] })).await.ok();
    assert_eq!(put["FailedRecordCount"], 1);
    assert!(
        put["Records"][0]["SequenceNumber"].is_string() && put["Records"][2]["SequenceNumber"].is_string()
    );
    assert_eq!(
        put["Records"][1],
        json!({ "ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": MESSAGE })
    );
    let refused = kinesis.on("PutRecord", record("a")).await;
    refused.refuses(400, "ProvisionedThroughputExceededException", MESSAGE);
    kinesis.pass(1);
    kinesis.on("PutRecord", record("a")).await.ok();
}

#[tokio::test]
async fn a_shard_takes_a_thousand_records_a_second() {
    let kinesis = throttled(1).await;
    let record = json!({ "PartitionKey": "a", "Data": "" });
    let put = async || {
        kinesis.on("PutRecords", json!({ "Records": vec![record.clone(); 500] })).await.ok()["FailedRecordCount"].clone()
    };
    assert_eq!((put().await, put().await, put().await), (json!(0), json!(0), json!(500)));
    kinesis.pass(1);
    assert_eq!(put().await, json!(0));
}

#[tokio::test]
async fn a_shard_is_read_five_times_a_second() {
    let kinesis = throttled(1).await;
    let iterator = kinesis.iterator(0, "TRIM_HORIZON", json!({})).await;
    for _ in 0..5 {
        kinesis.records(&iterator).await;
    }
    let sixth = kinesis.call("GetRecords", json!({ "ShardIterator": iterator })).await;
    sixth.refuses(400, "ProvisionedThroughputExceededException", MESSAGE);
    kinesis.pass(1);
    kinesis.records(&iterator).await;
}

#[tokio::test]
async fn a_shard_gives_two_megabytes_a_second() {
    let kinesis = throttled(1).await;
    for _ in 0..5 {
        kinesis.put("a", &"x".repeat(1_000_000)).await;
        kinesis.pass(1);
    }
    let iterator = kinesis.iterator(0, "TRIM_HORIZON", json!({})).await;
    assert_eq!(kinesis.records(&iterator).await["Records"].as_array().map(Vec::len), Some(5));
    kinesis.pass(1);
    let again = kinesis.call("GetRecords", json!({ "ShardIterator": iterator })).await;
    again.refuses(400, "ProvisionedThroughputExceededException", MESSAGE);
    kinesis.pass(2);
    kinesis.records(&iterator).await;
}

#[tokio::test]
async fn without_the_setting_nothing_is_refused() {
    let kinesis = Kinesis::with_stream(1).await;
    let iterator = kinesis.iterator(0, "TRIM_HORIZON", json!({})).await;
    for _ in 0..10 {
        kinesis.put("a", &"x".repeat(900_000)).await;
        kinesis.records(&iterator).await;
    }
}
