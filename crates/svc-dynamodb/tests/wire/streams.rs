//! Streams over the wire: views, iterators, order, trimming, the end.

use std::time::Duration;

use serde_json::{Value as Json, json};
use testkit::{Dynamo, dynamo_table as table};

async fn streaming(view: &str) -> (Dynamo, String, String) {
    let dynamo = Dynamo::new();
    let mut body = table("tab", "h:S", None);
    body["StreamSpecification"] = json!({ "StreamEnabled": true, "StreamViewType": view });
    dynamo.table(body).await;
    let listed = dynamo.stream("ListStreams", json!({ "TableName": "tab" })).await.ok();
    let arn = listed["Streams"][0]["StreamArn"].as_str().expect("as it was made").to_owned();
    let described = dynamo.stream("DescribeStream", json!({ "StreamArn": arn })).await.ok();
    let shard =
        described["StreamDescription"]["Shards"][0]["ShardId"].as_str().expect("as it was made").to_owned();
    (dynamo, arn, shard)
}

async fn iterator(dynamo: &Dynamo, arn: &str, shard: &str, kind: &str, number: Json) -> String {
    let mut body = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": kind });
    if !number.is_null() {
        body["SequenceNumber"] = number;
    }
    dynamo.stream("GetShardIterator", body).await.ok()["ShardIterator"]
        .as_str()
        .expect("as it was made")
        .to_owned()
}

async fn records(dynamo: &Dynamo, iterator: &str) -> Json {
    dynamo.stream("GetRecords", json!({ "ShardIterator": iterator })).await.ok()
}

async fn three_changes(dynamo: &Dynamo) {
    dynamo.put(json!({ "h": { "S": "a" }, "v": { "N": "1" } })).await;
    dynamo.put(json!({ "h": { "S": "a" }, "v": { "N": "2" } })).await;
    // No change, no record.
    dynamo.put(json!({ "h": { "S": "a" }, "v": { "N": "2" } })).await;
    dynamo.call("DeleteItem", json!({ "TableName": "tab", "Key": { "h": { "S": "a" } } })).await.ok();
}

#[tokio::test]
async fn each_view_shows_what_it_says() {
    let one = json!({ "h": { "S": "a" }, "v": { "N": "1" } });
    let two = json!({ "h": { "S": "a" }, "v": { "N": "2" } });
    for (view, old, new) in [
        ("KEYS_ONLY", false, false),
        ("NEW_IMAGE", false, true),
        ("OLD_IMAGE", true, false),
        ("NEW_AND_OLD_IMAGES", true, true),
    ] {
        let (dynamo, arn, shard) = streaming(view).await;
        three_changes(&dynamo).await;
        let start = iterator(&dynamo, &arn, &shard, "TRIM_HORIZON", Json::Null).await;
        let found = records(&dynamo, &start).await["Records"].clone();
        let names = found
            .as_array()
            .expect("as it was made")
            .iter()
            .map(|record| record["eventName"].clone())
            .collect::<Json>();
        assert_eq!(names, json!(["INSERT", "MODIFY", "REMOVE"]));
        let image = |shown: bool, image: &Json| if shown { image.clone() } else { Json::Null };
        for (position, before, after) in [(0, &Json::Null, &one), (1, &one, &two), (2, &two, &Json::Null)] {
            let record = &found[position]["dynamodb"];
            assert_eq!(record["Keys"], json!({ "h": { "S": "a" } }));
            assert_eq!(record["OldImage"], image(old, before), "{view} {position}");
            assert_eq!(record["NewImage"], image(new, after), "{view} {position}");
            assert_eq!(record["StreamViewType"], view);
        }
        assert_eq!(found[0]["eventSource"], "aws:dynamodb");
    }
}

#[tokio::test]
async fn iterators_begin_where_they_say() {
    let (dynamo, arn, shard) = streaming("KEYS_ONLY").await;
    three_changes(&dynamo).await;
    let latest = iterator(&dynamo, &arn, &shard, "LATEST", Json::Null).await;
    let all = iterator(&dynamo, &arn, &shard, "TRIM_HORIZON", Json::Null).await;
    let all = records(&dynamo, &all).await["Records"].clone();
    let second = all[1]["dynamodb"]["SequenceNumber"].clone();
    for (kind, count) in [("AT_SEQUENCE_NUMBER", 2), ("AFTER_SEQUENCE_NUMBER", 1)] {
        let start = iterator(&dynamo, &arn, &shard, kind, second.clone()).await;
        assert_eq!(
            records(&dynamo, &start).await["Records"].as_array().expect("as it was made").len(),
            count,
            "{kind}"
        );
    }
    let empty = records(&dynamo, &latest).await;
    assert_eq!(empty["Records"], json!([]));
    dynamo.put(json!({ "h": { "S": "new" } })).await;
    let next = records(&dynamo, empty["NextShardIterator"].as_str().expect("as it was made")).await;
    assert_eq!(next["Records"][0]["dynamodb"]["Keys"], json!({ "h": { "S": "new" } }));
    dynamo.clock.advance(Duration::from_secs(16 * 60));
    let late = dynamo.stream("GetRecords", json!({ "ShardIterator": latest })).await;
    assert_eq!(late.json()["__type"], "ExpiredIteratorException");
    let bad = dynamo.stream("GetRecords", json!({ "ShardIterator": "nonsense" })).await;
    assert_eq!((bad.status, bad.json()["__type"].as_str()), (400, Some("ValidationException")));
}

#[tokio::test]
async fn a_day_later_records_are_gone() {
    let (dynamo, arn, shard) = streaming("KEYS_ONLY").await;
    three_changes(&dynamo).await;
    let all = iterator(&dynamo, &arn, &shard, "TRIM_HORIZON", Json::Null).await;
    let first = records(&dynamo, &all).await["Records"][0]["dynamodb"]["SequenceNumber"].clone();
    dynamo.clock.advance(Duration::from_secs(24 * 60 * 60 + 61));
    dynamo.until("records trimmed", || async { dynamo.rows(605).await == 0 }).await;
    let body = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "AT_SEQUENCE_NUMBER", "SequenceNumber": first });
    let late = dynamo.stream("GetShardIterator", body).await;
    assert_eq!(late.json()["__type"], "TrimmedDataAccessException");
}

#[tokio::test]
async fn a_disabled_stream_ends_and_can_be_read_to_its_end() {
    let (dynamo, arn, shard) = streaming("KEYS_ONLY").await;
    three_changes(&dynamo).await;
    let off = json!({ "TableName": "tab", "StreamSpecification": { "StreamEnabled": false } });
    dynamo.call("UpdateTable", off).await.ok();
    dynamo.active("tab").await;
    dynamo.put(json!({ "h": { "S": "unseen" } })).await;
    let start = iterator(&dynamo, &arn, &shard, "TRIM_HORIZON", Json::Null).await;
    let found = records(&dynamo, &start).await;
    assert_eq!(found["Records"].as_array().expect("as it was made").len(), 3);
    assert_eq!(found["NextShardIterator"], Json::Null);
    let described =
        dynamo.stream("DescribeStream", json!({ "StreamArn": arn })).await.ok()["StreamDescription"].clone();
    assert_eq!(described["StreamStatus"], "DISABLED");
    assert!(described["Shards"][0]["SequenceNumberRange"]["EndingSequenceNumber"].is_string());
}

#[tokio::test]
async fn writers_at_once_lose_no_record() {
    let (dynamo, arn, shard) = streaming("NEW_AND_OLD_IMAGES").await;
    let dynamo = std::sync::Arc::new(dynamo);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..20 {
        let dynamo = std::sync::Arc::clone(&dynamo);
        tasks.spawn(async move {
            for _ in 0..10 {
                let body = json!({
                    "TableName": "tab", "Key": { "h": { "S": (writer % 3).to_string() } },
                    "UpdateExpression": "ADD n :one", "ExpressionAttributeValues": { ":one": { "N": "1" } },
                });
                dynamo.call("UpdateItem", body).await.ok();
            }
        });
    }
    // A reader beside the writers, who never looks back.
    let (mut next, mut seen) =
        (iterator(&dynamo, &arn, &shard, "TRIM_HORIZON", Json::Null).await, Vec::new());
    while seen.len() < 200 {
        let answer = records(&dynamo, &next).await;
        seen.extend(answer["Records"].as_array().expect("as it was made").clone());
        next = answer["NextShardIterator"].as_str().expect("as it was made").to_owned();
        tokio::task::yield_now().await;
    }
    tasks.join_all().await;
    let mut last = std::collections::HashMap::new();
    for record in &seen {
        let key = record["dynamodb"]["Keys"]["h"]["S"].as_str().expect("as it was made").to_owned();
        let old = record["dynamodb"]["OldImage"].clone();
        assert_eq!(
            last.insert(key, record["dynamodb"]["NewImage"].clone()).unwrap_or(Json::Null),
            old,
            "in order"
        );
    }
    assert_eq!(seen.len(), 200);
}
