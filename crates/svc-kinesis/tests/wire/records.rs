//! Putting records: where they go, and what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value as Json, json};
use testkit::Kinesis;

#[tokio::test]
async fn a_record_is_put_and_read() {
    let kinesis = Kinesis::with_stream(2).await;
    // The MD5 of `a` begins with 0c, that of `b` with 92.
    let put = kinesis.on("PutRecord", json!({ "PartitionKey": "a", "Data": "aGVsbG8=" })).await.ok();
    assert_eq!(put["ShardId"], "shardId-000000000000");
    let other = kinesis.on("PutRecord", json!({ "PartitionKey": "b", "Data": "" })).await.ok();
    assert_eq!(other["ShardId"], "shardId-000000000001");
    let iterator = kinesis.iterator(0, "TRIM_HORIZON", json!({})).await;
    let mut page = kinesis.records(&iterator).await;
    assert!(page["NextShardIterator"].take().is_string());
    assert_eq!(
        page,
        json!({
            "Records": [{
                "SequenceNumber": put["SequenceNumber"], "ApproximateArrivalTimestamp": 1_795_428_672.345,
                "Data": "aGVsbG8=", "PartitionKey": "a",
            }],
            "NextShardIterator": null,
            "MillisBehindLatest": 0,
        })
    );
    let sequence = put["SequenceNumber"].as_str().expect("a number");
    assert_eq!(sequence.len(), 56);
}

#[tokio::test]
async fn an_explicit_hash_key_places_a_record() {
    let kinesis = Kinesis::with_stream(2).await;
    let put = async |key: &str| {
        kinesis.on("PutRecord", json!({ "PartitionKey": "a", "Data": "aGk=", "ExplicitHashKey": key })).await
    };
    assert_eq!(put("0").await.ok()["ShardId"], "shardId-000000000000");
    assert_eq!(put("170141183460469231731687303715884105727").await.ok()["ShardId"], "shardId-000000000000");
    assert_eq!(put("170141183460469231731687303715884105728").await.ok()["ShardId"], "shardId-000000000001");
    assert_eq!(put("340282366920938463463374607431768211455").await.ok()["ShardId"], "shardId-000000000001");
    put("340282366920938463463374607431768211456").await.refuses(
        400,
        "InvalidArgumentException",
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was \
         340282366920938463463374607431768211456",
    );
}

#[tokio::test]
async fn sequence_numbers_only_grow() {
    let kinesis = Kinesis::with_stream(1).await;
    let first = kinesis.put("a", "1").await;
    let second = kinesis.put("b", "2").await;
    assert!(first < second);
    let put = async |after: &str| {
        let body = json!({ "PartitionKey": "a", "Data": "aGk=", "SequenceNumberForOrdering": after });
        kinesis.on("PutRecord", body).await
    };
    let third = put(&second).await.ok()["SequenceNumber"].as_str().expect("a number").to_owned();
    assert!(third > second);
    let refuse = |number: &str| {
        format!(
            "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream s under account 000000000000 is invalid."
        )
    };
    let future = format!("49{}{}", "09999999999999999999", &first[22..]);
    for wrong in ["0", &future] {
        put(wrong).await.refuses(400, "InvalidArgumentException", &refuse(wrong));
    }
}

#[tokio::test]
async fn many_records_are_put_at_once() {
    let kinesis = Kinesis::with_stream(2).await;
    let records = ["a", "b", "a"].map(|key| json!({ "PartitionKey": key, "Data": BASE64.encode(key) }));
    let put = kinesis.on("PutRecords", json!({ "Records": records })).await.ok();
    assert_eq!(put["FailedRecordCount"], 0);
    let shards = put["Records"].as_array().expect("records").iter().map(|record| record["ShardId"].clone());
    assert_eq!(
        shards.collect::<Vec<_>>(),
        ["shardId-000000000000", "shardId-000000000001", "shardId-000000000000"]
    );
    assert!(put["Records"][0]["SequenceNumber"].as_str() < put["Records"][2]["SequenceNumber"].as_str());
    assert_eq!(kinesis.texts(0).await, ["a", "a"]);
    assert_eq!(kinesis.texts(1).await, ["b"]);
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let kinesis = Kinesis::with_stream(1).await;
    let data = |bytes: usize| BASE64.encode(vec![b'x'; bytes]);
    let put = async |bytes: usize| {
        kinesis.on("PutRecord", json!({ "PartitionKey": "a", "Data": data(bytes) })).await
    };
    put((1 << 20) - 1).await.ok();
    put(1 << 20).await.refuses(
        400,
        "ValidationException",
        "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length less than or \
         equal to 1048576",
    );
    let many = async |count: usize, bytes: usize| {
        let record = json!({ "PartitionKey": "a", "Data": data(bytes) });
        kinesis.on("PutRecords", json!({ "Records": vec![record; count] })).await
    };
    many(500, 1).await.ok();
    assert_eq!(many(501, 1).await.json()["__type"], "ValidationException");
    many(11, 1 << 19).await.ok();
    many(21, 1 << 19).await.refuses(400, "InvalidArgumentException", "Records size exceeds 10 MB limit");
    many(1, 1 << 20).await.refuses(
        400,
        "ValidationException",
        "1 validation error detected: Value at 'records.1.member.data' failed to satisfy constraint: Member must have \
         length less than or equal to 1048576",
    );
    kinesis.on("PutRecord", json!({ "Data": "aGk=" })).await.refuses(
        400,
        "ValidationException",
        "1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not be null",
    );
    let dry = json!({ "PartitionKey": "a", "Data": "aGk=", "DryRun": true });
    assert_eq!(kinesis.on("PutRecord", dry).await.json()["__type"], "DryRunOperationException");
    assert_eq!(kinesis.texts(0).await.len(), 512, "nothing of what was refused is there");
}

#[tokio::test]
async fn large_records_come_back_whole() {
    let kinesis = Kinesis::with_stream(1).await;
    let size = json!({ "StreamARN": Kinesis::arn(), "MaxRecordSizeInKiB": 10240 });
    kinesis.call("UpdateMaxRecordSize", size).await.ok();
    let text = (0..1_500_000_u32).map(|number| format!("{number:06}")).collect::<String>();
    kinesis.put("a", &text).await;
    kinesis.put("a", "small").await;
    assert_eq!(kinesis.rows(703).await, 9);
    let iterator = kinesis.iterator(0, "TRIM_HORIZON", json!({})).await;
    let page = kinesis.records(&iterator).await;
    assert_eq!(
        BASE64.decode(page["Records"][0]["Data"].as_str().expect("data")).expect("Base64"),
        text.as_bytes()
    );
    assert_eq!(page["Records"].as_array().map(Vec::len), Some(2));
    let whole =
        json!({ "Records": [{ "PartitionKey": "a", "Data": BASE64.encode(vec![7; (10 << 20) - 1]) }] });
    let put: Json = kinesis.on("PutRecords", whole).await.ok();
    assert_eq!(put["FailedRecordCount"], 0);
    // What is gone takes its pieces with it.
    kinesis.start_jobs();
    kinesis.pass(25 * 3600);
    kinesis
        .until("pieces to be removed", || async { kinesis.rows(702).await + kinesis.rows(703).await == 0 })
        .await;
}
