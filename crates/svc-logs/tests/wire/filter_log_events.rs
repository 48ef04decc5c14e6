//! `FilterLogEvents` over the wire: many streams as one, and tokens that go on exactly where a page stopped.

use serde_json::{Value, json};
use testkit::{EPOCH_MS, Logs};

const T: i64 = EPOCH_MS;

async fn page(logs: &Logs, more: &Value) -> Value {
    let mut body = json!({ "logGroupName": "g" });
    body.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
    logs.call("FilterLogEvents", body).await.ok()
}

fn messages(page: &Value) -> Vec<&str> {
    let events = page["events"].as_array().expect("a list");
    events.iter().map(|event| event["message"].as_str().expect("a text")).collect()
}

/// Three streams whose events mix; messages are in the order in which they must come.
async fn mixed() -> Logs {
    let logs = Logs::with_streams(&["a", "b", "c|d/e"]).await;
    logs.put("b", &[(T, "02"), (T + 1, "05"), (T + 2, "09")]).await.ok();
    logs.put("a", &[(T, "00"), (T, "01"), (T + 1, "04"), (T + 2, "08")]).await.ok();
    logs.put("c|d/e", &[(T, "03"), (T + 1, "06"), (T + 1, "07"), (T + 2, "10")]).await.ok();
    logs
}

const ALL: [&str; 11] = ["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10"];

#[tokio::test]
async fn streams_come_as_one_in_order_of_time() {
    let logs = mixed().await;
    let all = page(&logs, &json!({})).await;
    assert_eq!(messages(&all), ALL);
    assert_eq!(all["searchedLogStreams"], json!([]));
    assert_eq!(all.get("nextToken"), None);
    let first = &all["events"][0];
    assert_eq!((&first["logStreamName"], &first["timestamp"]), (&json!("a"), &json!(T)));
    assert_eq!(first["ingestionTime"], EPOCH_MS);
    let mut ids = all["events"].as_array().expect("a list").iter().map(|event| event["eventId"].to_string());
    let mut ids = ids.by_ref().collect::<Vec<_>>();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 11, "no two events have one id");
    assert!(ids.iter().all(|id| id.len() == 58), "56 digits and quotes: {ids:?}");
}

#[tokio::test]
async fn every_size_of_page_gives_every_event_once() {
    let logs = mixed().await;
    for limit in 1..=12 {
        let (mut seen, mut token) = (Vec::new(), Value::Null);
        for _ in 0..20 {
            let now = page(&logs, &json!({ "limit": limit, "nextToken": token })).await;
            assert!(messages(&now).len() <= limit);
            seen.extend(messages(&now).into_iter().map(str::to_owned));
            token = now["nextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!((seen, token), (ALL.map(str::to_owned).to_vec(), Value::Null), "pages of {limit}");
    }
}

#[tokio::test]
async fn streams_are_chosen_by_name_and_prefix() {
    let logs = mixed().await;
    for (more, expected) in [
        (json!({ "logStreamNames": ["b"] }), vec!["02", "05", "09"]),
        (json!({ "logStreamNames": ["b", "a"] }), vec!["00", "01", "02", "04", "05", "08", "09"]),
        (json!({ "logStreamNames": ["b", "b"] }), vec!["02", "05", "09"]),
        (json!({ "logStreamNamePrefix": "c|" }), vec!["03", "06", "07", "10"]),
        (json!({ "logStreamNamePrefix": "x" }), vec![]),
    ] {
        assert_eq!(messages(&page(&logs, &more).await), expected, "{more}");
    }
}

#[tokio::test]
async fn start_and_end_are_included() {
    let logs = mixed().await;
    for (more, expected) in [
        (json!({ "startTime": T + 2 }), &ALL[8..]),
        (json!({ "endTime": T }), &ALL[..4]),
        (json!({ "startTime": T + 1, "endTime": T + 1 }), &ALL[4..8]),
        (json!({ "startTime": T + 3 }), &[]),
        (json!({ "endTime": T - 1 }), &[]),
        (json!({ "endTime": i64::MAX }), &ALL[..]),
    ] {
        assert_eq!(messages(&page(&logs, &more).await), expected, "{more}");
    }
}

#[tokio::test]
async fn a_pattern_is_kept_to_across_pages() {
    let logs = mixed().await;
    let more = |token: &Value| json!({ "filterPattern": "?00 ?1 ?7", "limit": 2, "nextToken": token });
    let first = page(&logs, &more(&Value::Null)).await;
    assert_eq!(messages(&first), ["00", "01"]);
    let second = page(&logs, &more(&first["nextToken"])).await;
    assert_eq!(messages(&second), ["07", "10"]);
    let none = page(&logs, &json!({ "filterPattern": "nothing" })).await;
    assert_eq!(none, json!({ "events": [], "searchedLogStreams": [] }));
}

#[tokio::test]
async fn a_page_ends_at_a_megabyte() {
    let logs = Logs::with_streams(&["a", "b"]).await;
    let half = "x".repeat(512 * 1024);
    logs.put("a", &[(T, &half)]).await.ok();
    logs.put("b", &[(T, &half)]).await.ok();
    let first = page(&logs, &json!({})).await;
    assert_eq!((messages(&first).len(), &first["events"][0]["logStreamName"]), (1, &json!("a")));
    let second = page(&logs, &json!({ "nextToken": first["nextToken"] })).await;
    assert_eq!((messages(&second).len(), &second["events"][0]["logStreamName"]), (1, &json!("b")));
    assert_eq!(second.get("nextToken"), None);
}

#[tokio::test]
async fn what_is_not_there_or_makes_no_sense_is_refused() {
    let logs = mixed().await;
    let refused = async |body: Value, status: u16, code: &str, message: &str| {
        logs.call("FilterLogEvents", body).await.refuses(status, code, message);
    };
    let missing = "ResourceNotFoundException";
    refused(json!({ "logGroupName": "h" }), 400, missing, "The specified log group does not exist.").await;
    let stream = json!({ "logGroupName": "g", "logStreamNames": ["a", "t"] });
    refused(stream, 400, missing, "The specified log stream does not exist.").await;
    let both = json!({ "logGroupName": "g", "logStreamNames": ["a"], "logStreamNamePrefix": "a" });
    let message = "Both logStreamNames and logStreamNamePrefix cannot be specified.";
    refused(both, 400, "InvalidParameterException", message).await;
    let open = json!({ "logGroupName": "g", "filterPattern": "\"open" });
    refused(open, 400, "InvalidParameterException", "Invalid filter pattern").await;
    for token in ["x", "r/1/1", "f/1/1|a"] {
        let body = json!({ "logGroupName": "g", "nextToken": token });
        refused(body, 400, "InvalidParameterException", "The specified nextToken is invalid.").await;
    }
    let open = json!({ "logGroupName": "g", "filterPattern": "{ $.a = 1" });
    refused(open, 400, "InvalidParameterException", "Invalid filter pattern").await;
    let backwards = json!({ "logGroupName": "g", "startFromHead": false });
    let message = "Lambent's FilterLogEvents does not honour startFromHead false yet, so it refuses it.";
    refused(backwards, 501, "NotImplementedException", message).await;
}

#[tokio::test]
async fn patterns_read_json_and_words() {
    let logs = Logs::with_streams(&["s"]).await;
    let events =
        [(T, r#"{"level":"ERROR","ms":12}"#), (T + 1, r#"{"level":"INFO","ms":70}"#), (T + 2, "GET /x 404")];
    logs.put("s", &events).await.ok();
    for (pattern, expected) in [
        ("{ $.level = ERR* }", vec![events[0].1]),
        ("{ $.ms > 5 }", vec![events[0].1, events[1].1]),
        ("[method, path, status = 4*]", vec![events[2].1]),
        ("%[A-Z]+ /x%", vec![events[2].1]),
    ] {
        let found = page(&logs, &json!({ "filterPattern": pattern })).await;
        assert_eq!(messages(&found), expected, "{pattern}");
    }
}
