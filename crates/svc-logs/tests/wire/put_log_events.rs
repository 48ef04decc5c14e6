//! `PutLogEvents` over the wire.

use serde_json::{Value, json};
use testkit::{EPOCH_MS, Logs};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const HOUR_MS: i64 = 60 * 60 * 1000;

async fn stored(logs: &Logs) -> Vec<(i64, String)> {
    let body = json!({ "logGroupName": "g", "logStreamName": "s", "startFromHead": true });
    let page = logs.call("GetLogEvents", body).await.ok();
    let events = page["events"].as_array().expect("a list").iter();
    let event = |event: &Value| {
        (event["timestamp"].as_i64().expect("a time"), event["message"].as_str().expect("a text").to_owned())
    };
    events.map(event).collect()
}

#[tokio::test]
async fn appends_a_batch() {
    let logs = Logs::with_streams(&["s"]).await;
    let answer = logs.put("s", &[(EPOCH_MS, "one"), (EPOCH_MS, "two")]).await;
    answer.is(200, &format!(r#"{{"nextSequenceToken":"{:056}"}}"#, 2));
    logs.put("s", &[(EPOCH_MS - 1, "zero")])
        .await
        .is(200, &format!(r#"{{"nextSequenceToken":"{:056}"}}"#, 3));
    let expected = [(EPOCH_MS - 1, "zero"), (EPOCH_MS, "one"), (EPOCH_MS, "two")];
    assert_eq!(stored(&logs).await, expected.map(|(at, message)| (at, message.to_owned())));
}

#[tokio::test]
async fn a_sequence_token_counts_for_nothing() {
    let logs = Logs::with_streams(&["s"]).await;
    for token in ["first", "first"] {
        let events = json!([{ "timestamp": EPOCH_MS, "message": "x" }]);
        let body =
            json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events, "sequenceToken": token });
        logs.call("PutLogEvents", body).await.ok();
    }
    assert_eq!(stored(&logs).await.len(), 2);
}

#[tokio::test]
async fn too_old_and_too_new_are_rejected_one_by_one() {
    let oldest = EPOCH_MS - 14 * DAY_MS;
    let logs = Logs::with_streams(&["s"]).await;
    let answer = logs.put("s", &[(oldest - 2, "a"), (oldest - 1, "b"), (oldest, "c")]).await;
    assert_eq!(answer.ok()["rejectedLogEventsInfo"], json!({ "tooOldLogEventEndIndex": 2 }));
    let newest = EPOCH_MS + 2 * HOUR_MS;
    let answer = logs.put("s", &[(newest, "d"), (newest + 1, "e"), (newest + 2, "f")]).await;
    assert_eq!(answer.ok()["rejectedLogEventsInfo"], json!({ "tooNewLogEventStartIndex": 1 }));
    assert_eq!(stored(&logs).await, [(oldest, "c".to_owned()), (newest, "d".to_owned())]);
    let answer = logs.put("s", &[(i64::MAX, "g")]).await;
    assert_eq!(answer.ok()["rejectedLogEventsInfo"], json!({ "tooNewLogEventStartIndex": 0 }));
    assert_eq!(logs.rows(202).await, 2);
}

#[tokio::test]
async fn batches_against_the_rules_are_refused_whole() {
    let logs = Logs::with_streams(&["s"]).await;
    let order = "Log events in a single PutLogEvents request must be in chronological order.";
    logs.put("s", &[(EPOCH_MS, "b"), (EPOCH_MS - 1, "a")]).await.refuses(
        400,
        "InvalidParameterException",
        order,
    );
    let span = "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.";
    let apart = [(EPOCH_MS - DAY_MS - 1, "a"), (EPOCH_MS, "b")];
    logs.put("s", &apart).await.refuses(400, "InvalidParameterException", span);
    let large = "x".repeat(1024 * 1024 - 25);
    let answer = logs.put("s", &[(EPOCH_MS, &large)]).await;
    assert_eq!((answer.status, answer.json()["__type"].as_str()), (400, Some("InvalidParameterException")));
    let many = vec![(EPOCH_MS, "x"); 10_001];
    let answer = logs.put("s", &many).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    for events in [
        json!([]),
        json!([{ "timestamp": EPOCH_MS, "message": "" }]),
        json!([{ "timestamp": -1, "message": "x" }]),
    ] {
        let body = json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events });
        let answer = logs.call("PutLogEvents", body).await;
        assert_eq!(
            (answer.status, answer.json()["__type"].as_str()),
            (400, Some("ValidationException")),
            "{events}"
        );
    }
    assert_eq!(logs.rows(202).await, 0);
}

#[tokio::test]
async fn the_largest_batches_are_taken() {
    let logs = Logs::with_streams(&["s"]).await;
    let large = "x".repeat(1024 * 1024 - 26);
    logs.put("s", &[(EPOCH_MS - DAY_MS, &large)]).await.ok();
    let many = (0..10_000).map(|at| (EPOCH_MS - at % 2, "x")).collect::<Vec<_>>();
    let mut sorted = many;
    sorted.sort_unstable();
    logs.put("s", &sorted).await.ok();
    assert_eq!(logs.rows(202).await, 10_000, "rows looked at; one more is there");
    assert_eq!(stored(&logs).await.len(), 1, "a page has room for a megabyte");
}

#[tokio::test]
async fn a_missing_group_or_stream_is_named() {
    let logs = Logs::with_streams(&[]).await;
    let missing = logs.put("s", &[(EPOCH_MS, "x")]).await;
    missing.refuses(400, "ResourceNotFoundException", "The specified log stream does not exist.");
    let events = json!([{ "timestamp": EPOCH_MS, "message": "x" }]);
    let body = json!({ "logGroupName": "h", "logStreamName": "s", "logEvents": events });
    let missing = logs.call("PutLogEvents", body).await;
    missing.refuses(400, "ResourceNotFoundException", "The specified log group does not exist.");
}
