//! `GetLogEvents` over the wire: order, pages in both directions, and tokens that miss nothing.

use serde_json::{Value, json};
use testkit::{EPOCH_MS, Logs};

const T: i64 = EPOCH_MS;

/// One page of the stream `s`.
async fn page(logs: &Logs, more: Value) -> Value {
    let mut body = json!({ "logGroupName": "g", "logStreamName": "s" });
    body.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
    logs.call("GetLogEvents", body).await.ok()
}

fn messages(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().expect("a list");
    events.iter().map(|event| event["message"].as_str().expect("a text")).collect()
}

async fn with_events(events: &[(i64, &str)]) -> Logs {
    let logs = Logs::with_streams(&["s"]).await;
    if !events.is_empty() {
        logs.put("s", events).await.ok();
    }
    logs
}

const FIVE: [(i64, &str); 5] = [(T, "a"), (T + 1, "b"), (T + 1, "c"), (T + 2, "d"), (T + 3, "e")];

#[tokio::test]
async fn events_come_in_order_of_time_then_of_arrival() {
    let logs = with_events(&[(T + 2, "c"), (T + 2, "d")]).await;
    logs.put("s", &[(T, "a"), (T + 2, "e")]).await.ok();
    logs.put("s", &[(T + 1, "b")]).await.ok();
    for start_from_head in [true, false] {
        let all = page(&logs, json!({ "startFromHead": start_from_head })).await;
        assert_eq!(messages(&all), ["a", "b", "c", "d", "e"]);
        let first = json!({ "timestamp": T, "message": "a", "ingestionTime": EPOCH_MS });
        assert_eq!(all["events"][0], first);
    }
}

#[tokio::test]
async fn forwards_page_by_page_then_the_token_repeats() {
    let logs = with_events(&FIVE).await;
    let mut seen = Vec::new();
    let mut now = page(&logs, json!({ "startFromHead": true, "limit": 2 })).await;
    for _ in 0..3 {
        seen.extend(messages(&now).into_iter().map(str::to_owned));
        now = page(&logs, json!({ "limit": 2, "nextToken": now["nextForwardToken"] })).await;
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    let end = page(&logs, json!({ "limit": 2, "nextToken": now["nextForwardToken"] })).await;
    assert_eq!(messages(&end), [""; 0]);
    assert_eq!(end["nextForwardToken"], now["nextForwardToken"]);
    // What arrives later is found by the token that repeated.
    logs.put("s", &[(T + 3, "f")]).await.ok();
    let later = page(&logs, json!({ "nextToken": end["nextForwardToken"] })).await;
    assert_eq!(messages(&later), ["f"]);
    let back = page(&logs, json!({ "nextToken": end["nextBackwardToken"] })).await;
    assert_eq!(messages(&back), ["a", "b", "c", "d", "e"], "back from the end, all that was before it");
}

#[tokio::test]
async fn backwards_page_by_page_then_the_token_repeats() {
    let logs = with_events(&FIVE).await;
    let last = page(&logs, json!({ "limit": 2 })).await;
    assert_eq!(messages(&last), ["d", "e"], "the latest by default");
    let middle = page(&logs, json!({ "limit": 2, "nextToken": last["nextBackwardToken"] })).await;
    assert_eq!(messages(&middle), ["b", "c"]);
    let first = page(&logs, json!({ "limit": 2, "nextToken": middle["nextBackwardToken"] })).await;
    assert_eq!(messages(&first), ["a"]);
    let end = page(&logs, json!({ "limit": 2, "nextToken": first["nextBackwardToken"] })).await;
    assert_eq!(messages(&end), [""; 0]);
    assert_eq!(end["nextBackwardToken"], first["nextBackwardToken"]);
    let forth = page(&logs, json!({ "nextToken": end["nextForwardToken"] })).await;
    assert_eq!(messages(&forth), ["a", "b", "c", "d", "e"], "forth from the beginning, everything");
}

#[tokio::test]
async fn a_stream_that_was_empty_can_be_followed() {
    for start_from_head in [true, false] {
        let logs = with_events(&[]).await;
        let empty = page(&logs, json!({ "startFromHead": start_from_head })).await;
        assert_eq!(messages(&empty), [""; 0]);
        logs.put("s", &FIVE[..1]).await.ok();
        let next = page(&logs, json!({ "nextToken": empty["nextForwardToken"] })).await;
        assert_eq!(messages(&next), ["a"], "startFromHead {start_from_head}");
    }
}

#[tokio::test]
async fn start_is_included_and_end_is_not() {
    let logs = with_events(&FIVE).await;
    for (more, expected) in [
        (json!({ "startTime": T + 1 }), vec!["b", "c", "d", "e"]),
        (json!({ "endTime": T + 1 }), vec!["a"]),
        (json!({ "startTime": T + 1, "endTime": T + 2 }), vec!["b", "c"]),
        (json!({ "startTime": T + 2, "endTime": T + 1 }), vec![]),
        (json!({ "startTime": 0, "endTime": i64::MAX }), vec!["a", "b", "c", "d", "e"]),
    ] {
        assert_eq!(messages(&page(&logs, more.clone()).await), expected, "{more}");
    }
    let cut =
        page(&logs, json!({ "startFromHead": true, "limit": 1, "startTime": T + 1, "endTime": T + 2 })).await;
    let more = json!({ "nextToken": cut["nextForwardToken"], "startTime": T + 1, "endTime": T + 2 });
    assert_eq!(messages(&page(&logs, more).await), ["c"], "bounds hold on the next page too");
}

#[tokio::test]
async fn a_page_ends_at_a_megabyte() {
    let half = "x".repeat(512 * 1024);
    let logs = with_events(&[(T, &half)]).await;
    logs.put("s", &[(T + 1, &half)]).await.ok();
    let first = page(&logs, json!({ "startFromHead": true })).await;
    assert_eq!(messages(&first).len(), 1);
    let second = page(&logs, json!({ "nextToken": first["nextForwardToken"] })).await;
    assert_eq!(second["events"][0]["timestamp"], T + 1);
}

#[tokio::test]
async fn more_than_one_read_of_the_store_is_no_seam() {
    let logs = Logs::with_streams(&["s"]).await;
    let texts = (0..1203).map(|number| number.to_string()).collect::<Vec<_>>();
    let events = texts.iter().map(|text| (T, text.as_str())).collect::<Vec<_>>();
    logs.put("s", &events).await.ok();
    for start_from_head in [true, false] {
        let all = page(&logs, json!({ "startFromHead": start_from_head })).await;
        assert_eq!(messages(&all), texts);
    }
}

#[tokio::test]
async fn a_group_can_be_named_by_its_arn() {
    let logs = with_events(&FIVE[..1]).await;
    for identifier in ["g", "arn:aws:logs:us-east-1:000000000000:log-group:g"] {
        let body = json!({ "logGroupIdentifier": identifier, "logStreamName": "s" });
        assert_eq!(messages(&logs.call("GetLogEvents", body).await.ok()), ["a"]);
    }
}

#[tokio::test]
async fn what_is_not_there_or_no_token_is_refused() {
    let logs = with_events(&FIVE).await;
    let refused = async |group: &str, stream: &str, token: Option<&str>, code: &str, message: &str| {
        let body = json!({ "logGroupName": group, "logStreamName": stream, "nextToken": token });
        logs.call("GetLogEvents", body).await.refuses(400, code, message);
    };
    refused("h", "s", None, "ResourceNotFoundException", "The specified log group does not exist.").await;
    refused("g", "t", None, "ResourceNotFoundException", "The specified log stream does not exist.").await;
    for token in ["x", "f/1", "r/1/1", "f/1/1/1", "f/a/b", "f/99999999999999999999/1"] {
        let message = "The specified nextToken is invalid.";
        refused("g", "s", Some(token), "InvalidParameterException", message).await;
    }
    let answer =
        logs.call("GetLogEvents", json!({ "logGroupName": "g", "logStreamName": "s", "limit": 0 })).await;
    let message = "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have \
                   value greater than or equal to 1";
    answer.refuses(400, "ValidationException", message);
}
