//! Tumbling windows.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::platform::{Does, Platform, values};

#[tokio::test]
async fn state_goes_from_batch_to_batch_and_ends_with_its_window() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    // The test's time begins twelve seconds after a minute.
    platform.then(Does::Answers(json!({ "state": { "sum": 1 } })));
    platform.then(Does::Answers(json!({ "state": { "sum": 3 } })));
    let settings = json!({ "StartingPosition": "TRIM_HORIZON", "TumblingWindowInSeconds": 60 });
    let uuid = platform.mapping(&stream, settings).await;
    platform.put("a", "1").await;
    let first = platform.events(1).await.remove(0);
    assert_eq!(values(&first), ["1"]);
    let window = json!({ "start": "2026-11-23T10:11:00Z", "end": "2026-11-23T10:12:00Z" });
    assert_eq!((&first["window"], &first["state"]), (&window, &json!({})));
    assert_eq!(
        (&first["isFinalInvokeForWindow"], &first["isWindowTerminatedEarly"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(first["eventSourceARN"], stream);
    assert!(first["shardId"].as_str().is_some_and(|shard| shard.starts_with("shardId-")));

    // What a window came to is kept while nobody polls.
    platform.switch(&uuid, false).await;
    platform.switch(&uuid, true).await;
    platform.put("a", "2").await;
    let second = platform.events(2).await.remove(1);
    assert_eq!((&second["window"], &second["state"]), (&window, &json!({ "sum": 1 })));

    platform.until("a state", || async { has_state(&platform, r#"{\"sum\":3}"#).await }).await;
    while platform.count() < 3 {
        platform.clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    let last = platform.events(3).await.remove(2);
    assert_eq!((&last["Records"], &last["state"]), (&json!([]), &json!({ "sum": 3 })));
    assert_eq!((&last["window"], &last["isFinalInvokeForWindow"]), (&window, &json!(true)));
}

async fn has_state(platform: &Platform, state: &str) -> bool {
    let range = kv::KeyRange::prefix(170u16.to_be_bytes().to_vec());
    let snapshot = platform.kv.snapshot().await.expect("memory has no failures");
    let rows = kv::Read::scan_bytes(&snapshot, &range, 10, kv::Direction::Forward).expect("rows");
    rows.iter().any(|(_, row)| String::from_utf8_lossy(row).contains(state))
}

#[tokio::test]
async fn an_answer_without_a_state_is_a_failure() {
    let platform = Platform::new().await;
    let stream = platform.stream().await;
    let lacking: Json = json!({ "sum": 1 });
    platform.then(Does::Answers(lacking)).then(Does::Answers(json!({ "state": {} })));
    platform.put("a", "1").await;
    let settings = json!({ "StartingPosition": "TRIM_HORIZON", "TumblingWindowInSeconds": 60 });
    platform.mapping(&stream, settings).await;
    while platform.count() < 2 {
        platform.clock.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
    let events = platform.events(2).await;
    assert_eq!(values(&events[1]), ["1"]);
}
