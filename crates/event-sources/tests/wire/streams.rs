//! Streams of tables as event sources.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::platform::{Does, Platform, url, values};

/// The table of checkpoints.
const CHECKPOINTS: u16 = 170;

fn from_the_first(more: Json) -> Json {
    let mut settings = json!({ "StartingPosition": "TRIM_HORIZON" });
    settings.as_object_mut().expect("made here").extend(more.as_object().expect("an object").clone());
    settings
}

fn all_values(events: &[Json]) -> Vec<String> {
    events.iter().flat_map(values).collect()
}

#[tokio::test]
async fn changes_are_handed_on_as_they_come() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    platform.put("a", "1").await;
    let uuid = platform.mapping(&stream, from_the_first(json!({}))).await;
    let events = platform.events(1).await;
    let record = &events[0]["Records"][0];
    assert_eq!(record["eventName"], "INSERT");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["eventVersion"], "1.1");
    assert_eq!(record["eventSourceARN"], stream);
    assert_eq!(record["awsRegion"], "us-east-1");
    let change = &record["dynamodb"];
    assert_eq!(change["Keys"], json!({ "h": { "S": "a" } }));
    assert_eq!(change["NewImage"], json!({ "h": { "S": "a" }, "v": { "S": "1" } }));
    assert_eq!(change["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert!(change["ApproximateCreationDateTime"].is_number());
    platform.put("a", "2").await;
    let events = platform.events(2).await;
    assert_eq!(events[1]["Records"][0]["eventName"], "MODIFY");
    platform
        .until("a result", || async { platform.shown(&uuid).await["LastProcessingResult"] == "OK" })
        .await;
}

#[tokio::test]
async fn latest_is_what_comes_after() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    platform.put("a", "before").await;
    let uuid = platform.mapping(&stream, json!({ "StartingPosition": "LATEST" })).await;
    assert_eq!(platform.shown(&uuid).await["LastProcessingResult"], "No records processed");
    platform.until("a beginning", || async { platform.rows(CHECKPOINTS).await == 1 }).await;
    // The reader may not have its iterator yet: what comes in between is then not what comes after.
    platform.clock.advance(Duration::from_secs(2));
    let mut number = 0;
    while platform.count() == 0 {
        platform.put("a", &format!("after {number}")).await;
        number += 1;
        tokio::task::yield_now().await;
    }
    let seen = all_values(&platform.events(1).await);
    assert!(seen.iter().all(|value| value.starts_with("after")), "{seen:?}");
}

#[tokio::test]
async fn a_mapping_goes_on_where_it_was() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    platform.put("a", "1").await;
    let uuid = platform.mapping(&stream, from_the_first(json!({}))).await;
    platform.events(1).await;
    platform.switch(&uuid, false).await;
    platform.put("a", "2").await;
    platform.switch(&uuid, true).await;
    assert_eq!(all_values(&platform.events(2).await), ["1", "2"]);
    platform.delete(&uuid).await;
    assert_eq!(platform.rows(CHECKPOINTS).await, 0);
}

#[tokio::test]
async fn a_failure_stops_the_shard_until_it_is_over() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    platform.then(Does::Fails).then(Does::Fails);
    let uuid = platform.mapping(&stream, from_the_first(json!({ "BatchSize": 1 }))).await;
    platform.put("a", "1").await;
    platform.put("b", "2").await;
    platform.events(1).await;
    while platform.shown(&uuid).await["LastProcessingResult"] != "PROBLEM: Function call failed" {
        tokio::task::yield_now().await;
    }
    for count in 2..=3 {
        advance_until(&platform, count).await;
    }
    assert_eq!(all_values(&platform.events(4).await), ["1", "1", "1", "2"]);
}

/// Moves the clock on until the function has had so many events.
async fn advance_until(platform: &Platform, count: usize) {
    while platform.count() < count {
        platform.clock.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_failed_often_enough_is_told_and_left() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    let failures = platform.queue("failures", json!({})).await;
    platform.then(Does::FailsFor("bad"));
    let settings = from_the_first(json!({
        "BatchSize": 1,
        "MaximumRetryAttempts": 1,
        "DestinationConfig": { "OnFailure": { "Destination": failures } },
    }));
    platform.put("a", "bad").await;
    platform.put("a", "good").await;
    platform.mapping(&stream, settings).await;
    advance_until(&platform, 3).await;
    assert_eq!(all_values(&platform.events(3).await), ["bad", "bad", "good"]);
    let received = platform.sqs("ReceiveMessage", json!({ "QueueUrl": url("failures") })).await;
    let body = received["Messages"][0]["Body"].as_str().expect("a message");
    let record = serde_json::from_str::<Json>(body).expect("JSON");
    assert_eq!(record["version"], "1.0");
    let context = &record["requestContext"];
    assert_eq!(context["condition"], "RetryAttemptsExhausted");
    assert_eq!(context["approximateInvokeCount"], 2);
    assert_eq!(context["functionArn"], "arn:aws:lambda:us-east-1:000000000000:function:f");
    let answered = json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" });
    assert_eq!(record["responseContext"], answered);
    let batch = &record["DDBStreamBatchInfo"];
    assert_eq!((&batch["batchSize"], &batch["streamArn"]), (&json!(1), &json!(stream)));
    assert_eq!(batch["startSequenceNumber"], batch["endSequenceNumber"]);
}

#[tokio::test]
async fn dividing_finds_what_is_bad() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    for number in 0..8 {
        let value = if number == 5 { "bad".to_owned() } else { number.to_string() };
        platform.put("a", &value).await;
    }
    platform.then(Does::FailsFor("bad"));
    let settings = from_the_first(json!({ "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 0 }));
    platform.mapping(&stream, settings).await;
    let events = platform.events(7).await;
    let sizes = events.iter().map(|event| values(event).len()).collect::<Vec<_>>();
    // 8 fail; of the halves the second fails, and so on down to the one.
    assert_eq!(sizes, [8, 4, 4, 2, 1, 1, 2]);
}

#[tokio::test]
async fn a_report_lets_the_rest_be_tried_again() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    for value in ["1", "2", "3"] {
        platform.put("a", value).await;
    }
    let uuid =
        platform.mapping(&stream, json!({ "StartingPosition": "TRIM_HORIZON", "Enabled": true })).await;
    let sequence = platform.events(1).await[0]["Records"][1]["dynamodb"]["SequenceNumber"].clone();
    platform.delete(&uuid).await;
    platform.then(Does::Answers(json!({ "batchItemFailures": [{ "itemIdentifier": sequence }] })));
    platform
        .mapping(&stream, from_the_first(json!({ "FunctionResponseTypes": ["ReportBatchItemFailures"] })))
        .await;
    advance_until(&platform, 3).await;
    let events = platform.events(3).await;
    assert_eq!(values(&events[1]), ["1", "2", "3"]);
    assert_eq!(values(&events[2]), ["2", "3"]);
}

#[tokio::test]
async fn what_is_too_old_is_left() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    platform.put("a", "old").await;
    platform.clock.advance(Duration::from_secs(120));
    platform.put("a", "new").await;
    platform.mapping(&stream, from_the_first(json!({ "MaximumRecordAgeInSeconds": 60 }))).await;
    assert_eq!(values(&platform.events(1).await[0]), ["new"]);
}

#[tokio::test]
async fn lanes_work_side_by_side_and_keep_each_keys_order() {
    let platform = Platform::new().await;
    platform.function("slow", "held").await;
    let stream = platform.stream().await;
    for number in 0..40 {
        platform.put(&format!("k{}", number % 10), &number.to_string()).await;
    }
    let settings = json!({ "FunctionName": "slow", "ParallelizationFactor": 10, "BatchSize": 1 });
    platform.mapping(&stream, from_the_first(settings)).await;
    // Two lanes at least have records of these keys.
    platform.sandboxes.until(testkit::Event::Works(1)).await;
    platform.sandboxes.until(testkit::Event::Works(2)).await;
    let uuid = platform.mapping(&stream, from_the_first(json!({ "ParallelizationFactor": 10 }))).await;
    platform.until("all", || async { all_values(&platform.events(1).await).len() == 40 }).await;
    let seen = all_values(&platform.events(1).await);
    for key in 0..10 {
        let numbers = seen.iter().map(|value| value.parse::<usize>().expect("a number"));
        let numbers = numbers.filter(|number| number % 10 == key).collect::<Vec<_>>();
        assert_eq!(numbers, [key, key + 10, key + 20, key + 30]);
    }
    platform.switch(&uuid, false).await;
}

#[tokio::test]
async fn what_the_filter_keeps_out_is_passed_over() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    let pattern = r#"{"dynamodb":{"NewImage":{"v":{"S":["wanted"]}}}}"#;
    let filters = json!({ "FilterCriteria": { "Filters": [{ "Pattern": pattern }] } });
    platform.put("a", "other").await;
    platform.put("a", "wanted").await;
    let uuid = platform.mapping(&stream, from_the_first(filters)).await;
    assert_eq!(values(&platform.events(1).await[0]), ["wanted"]);
    platform.switch(&uuid, false).await;
    platform.switch(&uuid, true).await;
    platform.put("b", "wanted").await;
    assert_eq!(all_values(&platform.events(2).await), ["wanted", "wanted"]);
}

#[tokio::test]
async fn the_end_of_a_stream_is_the_end_of_its_shard() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    platform.put("a", "last").await;
    platform.mapping(&stream, from_the_first(json!({}))).await;
    platform.events(1).await;
    platform.json("DynamoDB", "DeleteTable", &json!({ "TableName": "tab" })).await.ok();
    let is_finished = || async {
        platform.clock.advance(Duration::from_secs(31));
        let range = kv::KeyRange::prefix(CHECKPOINTS.to_be_bytes().to_vec());
        let snapshot = platform.kv.snapshot().await.expect("memory has no failures");
        let rows = kv::Read::scan_bytes(&snapshot, &range, 10, kv::Direction::Forward).expect("rows");
        rows.iter().all(|(_, row)| String::from_utf8_lossy(row).contains(r#""finished":true"#))
    };
    while !is_finished().await {
        tokio::task::yield_now().await;
    }
}
