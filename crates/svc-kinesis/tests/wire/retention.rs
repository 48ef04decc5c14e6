//! Retention: what is older is gone, and goes from the store too.

use serde_json::json;
use testkit::Kinesis;

const HOUR: u64 = 3600;

#[tokio::test]
async fn records_are_kept_for_a_day() {
    let kinesis = Kinesis::with_stream(1).await;
    kinesis.put("a", "old").await;
    kinesis.pass(HOUR);
    kinesis.put("a", "new").await;
    kinesis.pass(23 * HOUR);
    assert_eq!(kinesis.texts(0).await, ["old", "new"]);
    kinesis.pass(1);
    assert_eq!(kinesis.texts(0).await, ["new"]);
    assert_eq!(kinesis.rows(702).await, 2);
    kinesis.start_jobs();
    kinesis.until("an old record to be removed", || async { kinesis.rows(702).await == 1 }).await;
    assert_eq!(kinesis.texts(0).await, ["new"]);
}

#[tokio::test]
async fn what_is_gone_stays_gone_when_the_period_grows() {
    let kinesis = Kinesis::with_stream(1).await;
    kinesis.put("a", "1").await;
    kinesis.pass(25 * HOUR);
    kinesis.put("a", "2").await;
    let longer = async |hours: i32| {
        kinesis.on("IncreaseStreamRetentionPeriod", json!({ "RetentionPeriodHours": hours })).await
    };
    let shorter = async |hours: i32| {
        kinesis.on("DecreaseStreamRetentionPeriod", json!({ "RetentionPeriodHours": hours })).await
    };
    longer(48).await.is(200, "{}");
    assert_eq!(kinesis.texts(0).await, ["2"]);
    kinesis.pass(40 * HOUR);
    assert_eq!(kinesis.texts(0).await, ["2"]);
    shorter(24).await.is(200, "{}");
    longer(8760).await.ok();
    assert!(kinesis.texts(0).await.is_empty());
    let invalid = "InvalidArgumentException";
    longer(23).await.refuses(
        400,
        invalid,
        "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.",
    );
    longer(8761).await.refuses(
        400,
        invalid,
        "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.",
    );
    longer(48).await.refuses(
        400,
        invalid,
        "Requested retention period (48 hours) for stream s can not be shorter than existing retention period (8760 \
         hours). Use DecreaseRetentionPeriod API.",
    );
    shorter(24).await.ok();
    shorter(48).await.refuses(
        400,
        invalid,
        "Requested retention period (48 hours) for stream s can not be longer than existing retention period (24 hours). \
         Use IncreaseRetentionPeriod API.",
    );
}

#[tokio::test]
async fn closed_shards_go_with_their_records() {
    let kinesis = Kinesis::with_stream(1).await;
    kinesis.put("a", "1").await;
    let split = json!({ "ShardToSplit": "shardId-000000000000", "NewStartingHashKey": "100" });
    kinesis.on("SplitShard", split).await.ok();
    kinesis.pass(24 * HOUR + 1);
    let listed = kinesis.on("ListShards", json!({})).await.ok();
    assert_eq!(listed["Shards"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed["Shards"][0]["ParentShardId"], "shardId-000000000000");
    kinesis.start_jobs();
    kinesis.until("a closed shard to be removed", || async { kinesis.rows(701).await == 2 }).await;
    assert_eq!(kinesis.rows(702).await, 0);
    let gone = json!({ "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON" });
    assert_eq!(kinesis.on("GetShardIterator", gone).await.json()["__type"], "ResourceNotFoundException");
    kinesis.put("a", "2").await;
    assert_eq!(kinesis.texts(2).await, ["2"]);
}
