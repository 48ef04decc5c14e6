//! Iterators of all kinds, and reading with them.

use serde_json::{Value as Json, json};
use testkit::{EPOCH_MS, Kinesis};

/// The texts from an iterator on.
async fn from(kinesis: &Kinesis, kind: &str, more: Json) -> usize {
    let iterator = kinesis.iterator(0, kind, more).await;
    kinesis.records(&iterator).await["Records"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn reading_begins_where_it_was_asked_to() {
    let kinesis = Kinesis::with_stream(1).await;
    let latest = kinesis.iterator(0, "LATEST", json!({})).await;
    let mut numbers = Vec::new();
    for text in ["1", "2", "3"] {
        numbers.push(kinesis.put("a", text).await);
        kinesis.pass(10);
    }
    assert_eq!(from(&kinesis, "TRIM_HORIZON", json!({})).await, 3);
    assert_eq!(from(&kinesis, "LATEST", json!({})).await, 0);
    assert_eq!(kinesis.records(&latest).await["Records"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        from(&kinesis, "AT_SEQUENCE_NUMBER", json!({ "StartingSequenceNumber": numbers[1] })).await,
        2
    );
    assert_eq!(
        from(&kinesis, "AFTER_SEQUENCE_NUMBER", json!({ "StartingSequenceNumber": numbers[1] })).await,
        1
    );
    #[expect(clippy::cast_precision_loss, reason = "a time in this century")]
    let seconds = |ms: i64| (EPOCH_MS + ms) as f64 / 1000.0;
    for (ms, expected) in [(-5000, 3), (0, 3), (1, 2), (10_000, 2), (10_001, 1), (20_001, 0)] {
        assert_eq!(
            from(&kinesis, "AT_TIMESTAMP", json!({ "Timestamp": seconds(ms) })).await,
            expected,
            "{ms}"
        );
    }
    // The number with which a shard begins is a place too.
    let shards = kinesis.on("ListShards", json!({})).await.ok();
    let start = &shards["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"];
    assert_eq!(from(&kinesis, "AT_SEQUENCE_NUMBER", json!({ "StartingSequenceNumber": start })).await, 3);
}

#[tokio::test]
async fn a_reader_is_told_how_far_behind_it_is() {
    let kinesis = Kinesis::with_stream(1).await;
    for text in ["1", "2", "3"] {
        kinesis.put("a", text).await;
        kinesis.pass(10);
    }
    let iterator = kinesis.iterator(0, "TRIM_HORIZON", json!({})).await;
    let page = kinesis.call("GetRecords", json!({ "ShardIterator": iterator, "Limit": 2 })).await.ok();
    assert_eq!(
        (page["Records"].as_array().map(Vec::len), &page["MillisBehindLatest"]),
        (Some(2), &json!(20_000))
    );
    let next = page["NextShardIterator"].as_str().expect("an iterator");
    let page = kinesis.records(next).await;
    assert_eq!((page["Records"].as_array().map(Vec::len), &page["MillisBehindLatest"]), (Some(1), &json!(0)));
    let next = page["NextShardIterator"].as_str().expect("an iterator");
    assert_eq!(kinesis.records(next).await["Records"], json!([]));
    kinesis.put("a", "4").await;
    assert_eq!(kinesis.records(next).await["Records"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn ten_megabytes_are_read_at_once() {
    let kinesis = Kinesis::with_stream(1).await;
    let text = "x".repeat((1 << 20) - 1);
    for _ in 0..11 {
        kinesis.put("a", &text).await;
    }
    let iterator = kinesis.iterator(0, "TRIM_HORIZON", json!({})).await;
    let page = kinesis.records(&iterator).await;
    assert_eq!(page["Records"].as_array().map(Vec::len), Some(10));
    let rest = kinesis.records(page["NextShardIterator"].as_str().expect("an iterator")).await;
    assert_eq!(rest["Records"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_iterator_is_good_for_five_minutes() {
    let kinesis = Kinesis::with_stream(1).await;
    let iterator = kinesis.iterator(0, "TRIM_HORIZON", json!({})).await;
    kinesis.pass(300);
    kinesis.records(&iterator).await;
    kinesis.pass(1);
    kinesis.call("GetRecords", json!({ "ShardIterator": iterator })).await.refuses(
        400,
        "ExpiredIteratorException",
        "Iterator expired. The iterator was created at time Mon Nov 23 10:11:12 UTC 2026 while right now it is Mon Nov 23 \
         10:16:13 UTC 2026 which is further in the future than the tolerated delay of 300000 milliseconds.",
    );
}

#[tokio::test]
async fn what_is_no_place_is_refused() {
    let kinesis = Kinesis::with_stream(2).await;
    let invalid = "InvalidArgumentException";
    kinesis.call("GetRecords", json!({ "ShardIterator": "AAAA" })).await.refuses(
        400,
        invalid,
        "Invalid ShardIterator.",
    );
    let ask = async |mut body: Json| {
        body["ShardId"] = "shardId-000000000000".into();
        kinesis.on("GetShardIterator", body).await
    };
    let either = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
                  TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified";
    ask(json!({ "ShardIteratorType": "AT_SEQUENCE_NUMBER" })).await.refuses(
        400,
        invalid,
        &format!("{either} AT_SEQUENCE_NUMBER and no StartingSequenceNumber."),
    );
    ask(json!({ "ShardIteratorType": "LATEST", "StartingSequenceNumber": "1" })).await.refuses(
        400,
        invalid,
        &format!("{either} LATEST and also a StartingSequenceNumber."),
    );
    ask(json!({ "ShardIteratorType": "AT_TIMESTAMP" })).await.refuses(
        400,
        invalid,
        "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no timestamp \
         parameter.",
    );
    ask(json!({ "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1_795_428_673 })).await.refuses(
        400,
        invalid,
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: \
         1795428673000, currentTimestampInMillis: 1795428672345",
    );
    ask(json!({ "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": "12" })).await.refuses(
        400,
        invalid,
        "StartingSequenceNumber 12 used in GetShardIterator on shard shardId-000000000000 in stream s under account \
         000000000000 is invalid.",
    );
    let other = kinesis.put("b", "1").await;
    ask(json!({ "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": other })).await.refuses(
        400,
        invalid,
        "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a call to a shard with \
         shardId-000000000000",
    );
    let mut foreign = other.into_bytes();
    foreign[30] = if foreign[30] == b'1' { b'2' } else { b'1' };
    let foreign = String::from_utf8(foreign).expect("digits");
    ask(json!({ "ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": foreign })).await.refuses(
        400,
        invalid,
        &format!(
            "StartingSequenceNumber {foreign} used in GetShardIterator on shard shardId-000000000000 in stream s under \
             account 000000000000 is invalid because it did not come from this stream."
        ),
    );
    kinesis
        .on("GetShardIterator", json!({ "ShardId": "shardId-000000000007", "ShardIteratorType": "LATEST" }))
        .await
        .refuses(
            400,
            "ResourceNotFoundException",
            "Shard shardId-000000000007 in stream s under account 000000000000 does not exist",
        );
    let dry = json!({ "ShardIteratorType": "LATEST", "DryRun": true });
    assert_eq!(ask(dry).await.json()["__type"], "DryRunOperationException");
    let iterator = kinesis.iterator(0, "LATEST", json!({})).await;
    let dry = kinesis.call("GetRecords", json!({ "ShardIterator": iterator, "DryRun": true })).await;
    assert_eq!(dry.json()["__type"], "DryRunOperationException");
    let other =
        json!({ "ShardIterator": iterator, "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/t" });
    let other = kinesis.call("GetRecords", other).await;
    other.refuses(400, invalid, "StreamARN is not the one of the ShardIterator.");
}
