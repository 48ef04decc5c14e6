//! Queues as event sources.

use std::time::Duration;

use serde_json::json;

use crate::platform::{Does, Platform, url, values};

#[tokio::test]
async fn a_message_is_handed_on_and_deleted() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    platform.mapping(&queue, json!({})).await;
    let body = json!({
        "QueueUrl": url("q"),
        "MessageBody": "hello",
        "MessageAttributes": { "n": { "DataType": "Number", "StringValue": "1" } },
    });
    let sent = platform.sqs("SendMessage", body).await;
    let events = platform.events(1).await;
    let record = &events[0]["Records"][0];
    assert_eq!(record["messageId"], sent["MessageId"]);
    assert_eq!(record["body"], "hello");
    assert_eq!(record["md5OfBody"], sent["MD5OfMessageBody"]);
    assert_eq!(record["md5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], queue);
    assert_eq!(record["awsRegion"], "us-east-1");
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    let attribute =
        json!({ "stringValue": "1", "stringListValues": [], "binaryListValues": [], "dataType": "Number" });
    assert_eq!(record["messageAttributes"]["n"], attribute);
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn what_failed_comes_back_when_its_time_is_over() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({ "VisibilityTimeout": "30" })).await;
    platform.then(Does::Fails);
    platform.mapping(&queue, json!({})).await;
    platform.send_to("q", "one").await;
    platform.events(1).await;
    assert_eq!(platform.left("q").await, (0, 1));
    platform.clock.advance(Duration::from_secs(30));
    let events = platform.events(2).await;
    assert_eq!(events[1]["Records"][0]["attributes"]["ApproximateReceiveCount"], "2");
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn only_what_a_report_names_stays() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let good = platform.send_to("q", "good").await;
    let bad = platform.send_to("q", "bad").await;
    assert_ne!(good, bad);
    platform.then(Does::Answers(json!({ "batchItemFailures": [{ "itemIdentifier": bad }] })));
    platform.mapping(&queue, json!({ "FunctionResponseTypes": ["ReportBatchItemFailures"] })).await;
    platform.events(1).await;
    platform.until_left("q", (0, 1)).await;
    platform.clock.advance(Duration::from_secs(30));
    assert_eq!(values(&platform.events(2).await[1]), ["bad"]);
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn an_answer_that_is_no_report_fails_the_whole_batch() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    platform.then(Does::Answers(json!({ "batchItemFailures": [{ "itemIdentifier": "unknown" }] })));
    platform.mapping(&queue, json!({ "FunctionResponseTypes": ["ReportBatchItemFailures"] })).await;
    platform.send_to("q", "one").await;
    platform.events(1).await;
    assert_eq!(platform.left("q").await, (0, 1));
    platform.clock.advance(Duration::from_secs(30));
    platform.events(2).await;
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn what_the_filter_keeps_out_is_deleted_unseen() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let pattern = r#"{"body":{"kind":["order"]}}"#;
    platform.mapping(&queue, json!({ "FilterCriteria": { "Filters": [{ "Pattern": pattern }] } })).await;
    for body in ["text", r#"{"kind":"note"}"#] {
        platform.send_to("q", body).await;
    }
    platform.until_left("q", (0, 0)).await;
    platform.send_to("q", r#"{"kind":"order"}"#).await;
    assert_eq!(values(&platform.events(1).await[0]), [r#"{"kind":"order"}"#]);
    platform.until_left("q", (0, 0)).await;
    assert_eq!(platform.count(), 1);
}

#[tokio::test]
async fn a_window_gathers_more_than_one_call_takes() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    for number in 0..25 {
        platform.send_to("q", &number.to_string()).await;
    }
    platform.mapping(&queue, json!({ "BatchSize": 25, "MaximumBatchingWindowInSeconds": 5 })).await;
    // A full batch does not wait for the end of its window.
    assert_eq!(values(&platform.events(1).await[0]).len(), 25);
    platform.until_left("q", (0, 0)).await;
    platform.send_to("q", "late").await;
    platform.until_left("q", (0, 1)).await;
    assert_eq!(platform.count(), 1, "its window is open");
    platform.clock.advance(Duration::from_secs(5));
    assert_eq!(values(&platform.events(2).await[1]), ["late"]);
}

#[tokio::test]
async fn no_more_batches_run_at_once_than_the_mapping_allows() {
    let platform = Platform::new().await;
    platform.function("slow", "held").await;
    let queue = platform.queue("q", json!({ "VisibilityTimeout": "600" })).await;
    for number in 0..6 {
        platform.send_to("q", &number.to_string()).await;
    }
    let settings =
        json!({ "FunctionName": "slow", "BatchSize": 1, "ScalingConfig": { "MaximumConcurrency": 2 } });
    platform.mapping(&queue, settings).await;
    platform.sandboxes.until(testkit::Event::Works(1)).await;
    platform.sandboxes.until(testkit::Event::Works(2)).await;
    // Time for more of them, if there were to be more.
    platform.clock.advance(Duration::from_secs(1));
    assert_eq!(platform.left("q").await, (4, 2));
    platform.sandboxes.let_go_on(6);
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn a_disabled_mapping_takes_nothing_and_a_deleted_one_is_gone() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let uuid = platform.mapping(&queue, json!({})).await;
    platform.switch(&uuid, false).await;
    platform.send_to("q", "one").await;
    assert_eq!(platform.left("q").await, (1, 0));
    platform.switch(&uuid, true).await;
    platform.events(1).await;
    platform.until_left("q", (0, 0)).await;
    platform.delete(&uuid).await;
    platform.send_to("q", "two").await;
    assert_eq!(platform.left("q").await, (1, 0));
}

#[tokio::test]
async fn a_restarted_platform_goes_on() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    platform.mapping(&queue, json!({})).await;
    platform.stop_jobs().await;
    platform.start_jobs();
    platform.send_to("q", "one").await;
    platform.events(1).await;
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn whoever_has_waited_for_hours_still_hears() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    platform.mapping(&queue, json!({})).await;
    for number in 1..=3 {
        // Less than a wait lasts, and more.
        platform.clock.advance(Duration::from_secs(1500 * 2_u64.pow(number)));
        platform.send_to("q", &number.to_string()).await;
        let events = platform.events(number as usize).await;
        assert_eq!(values(&events[number as usize - 1]), [number.to_string()]);
        platform.until_left("q", (0, 0)).await;
    }
}
