//! `CreateLogStream` over the wire.

use serde_json::json;
use testkit::{EPOCH_MS, Logs};

const OPERATION: &str = "CreateLogStream";

#[tokio::test]
async fn creates_a_stream() {
    let logs = Logs::with_streams(&["2026/11/23/[$LATEST]0123"]).await;
    let answer = logs.call("DescribeLogStreams", json!({ "logGroupName": "g" })).await;
    answer.is_json(
        200,
        &json!({ "logStreams": [{
            "logStreamName": "2026/11/23/[$LATEST]0123",
            "creationTime": EPOCH_MS,
            "uploadSequenceToken": "0".repeat(56),
            "arn": "arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:2026/11/23/[$LATEST]0123",
            "storedBytes": 0,
        }] }),
    );
}

#[tokio::test]
async fn a_name_is_taken_once_in_each_group() {
    let logs = Logs::with_streams(&["s"]).await;
    let again = logs.call(OPERATION, json!({ "logGroupName": "g", "logStreamName": "s" })).await;
    again.refuses(400, "ResourceAlreadyExistsException", "The specified log stream already exists");
    logs.group("other").await;
    logs.stream("other", "s").await;
    assert_eq!(logs.rows(201).await, 2);
}

#[tokio::test]
async fn a_stream_needs_its_group() {
    let logs = Logs::new();
    let answer = logs.call(OPERATION, json!({ "logGroupName": "g", "logStreamName": "s" })).await;
    answer.refuses(400, "ResourceNotFoundException", "The specified log group does not exist.");
    assert_eq!(logs.rows(201).await, 0);
}

#[tokio::test]
async fn bad_names_change_nothing() {
    let logs = Logs::with_streams(&[]).await;
    for name in ["a:b", "a*", ""] {
        let answer = logs.call(OPERATION, json!({ "logGroupName": "g", "logStreamName": name })).await;
        assert_eq!(
            (answer.status, answer.json()["__type"].as_str()),
            (400, Some("ValidationException")),
            "{name}"
        );
    }
    assert_eq!(logs.rows(201).await, 0);
}
