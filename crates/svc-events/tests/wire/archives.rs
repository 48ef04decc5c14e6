//! Archives of what buses took, and replays of it.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::platform::{Events, body, function};

const BUS: &str = "arn:aws:events:us-east-1:000000000000:event-bus/default";
const ARCHIVE: &str = "arn:aws:events:us-east-1:000000000000:archive/a";
const RULE: &str = "arn:aws:events:us-east-1:000000000000:rule";
/// When tests begin, in seconds.
const EPOCH: i64 = 1_795_428_672;

async fn archive(events: &Events, name: &str, more: Json) {
    let mut request = json!({ "ArchiveName": name, "EventSourceArn": BUS });
    for (member, value) in more.as_object().expect("an object") {
        request[member] = value.clone();
    }
    events.ask("CreateArchive", request).await;
}

async fn replay(events: &Events, name: &str, only: Json) -> Json {
    let request = json!({
        "ReplayName": name, "EventSourceArn": ARCHIVE, "EventStartTime": EPOCH, "EventEndTime": EPOCH + 3600,
        "Destination": { "Arn": BUS, "FilterArns": only },
    });
    events.ask("StartReplay", request).await
}

/// Waits for a replay to end; gives what is told of it.
async fn ended(events: &Events, name: &str) -> Json {
    let name = json!({ "ReplayName": name });
    let told = std::sync::Mutex::new(Json::Null);
    events
        .until("the replay to end", || async {
            let replay = events.ask("DescribeReplay", name.clone()).await;
            let ended = !replay["ReplayEndTime"].is_null();
            *told.lock().expect("no panic while held") = replay;
            ended
        })
        .await;
    told.into_inner().expect("no panic while held")
}

#[tokio::test]
async fn archives_are_made_changed_and_deleted() {
    let events = Events::new();
    let pattern = r#"{"source":["shop"]}"#;
    let made =
        json!({ "ArchiveName": "a", "EventSourceArn": BUS, "EventPattern": pattern, "RetentionDays": 7 });
    let answer = events.ask("CreateArchive", made.clone()).await;
    assert_eq!(
        answer,
        json!({ "ArchiveArn": ARCHIVE, "State": "ENABLED", "CreationTime": 1_795_428_672.345 })
    );
    let again = events.send_to("CreateArchive", &made).await;
    again.refuses(400, "ResourceAlreadyExistsException", "Archive a already exists.");
    events.put("t", json!({})).await;
    events
        .ask("PutEvents", json!({ "Entries": [{ "Source": "other", "DetailType": "t", "Detail": "{}" }] }))
        .await;
    let described = events.ask("DescribeArchive", json!({ "ArchiveName": "a" })).await;
    let expected = json!({
        "ArchiveArn": ARCHIVE, "ArchiveName": "a", "EventSourceArn": BUS, "EventPattern": pattern, "State": "ENABLED",
        "RetentionDays": 7, "EventCount": 1, "SizeBytes": described["SizeBytes"], "CreationTime": 1_795_428_672.345,
    });
    assert_eq!((&described, described["SizeBytes"].as_i64() > Some(100)), (&expected, true));
    archive(&events, "b", json!({})).await;
    let update = json!({ "ArchiveName": "a", "EventPattern": r#"{"source":["other"]}"#, "Description": "d" });
    events.ask("UpdateArchive", update).await;
    events.put("t", json!({})).await;
    let counts = |listed: &Json| {
        let archives = listed["Archives"].as_array().expect("a list").iter();
        archives.map(|one| (one["ArchiveName"].clone(), one["EventCount"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(
        counts(&events.ask("ListArchives", json!({})).await),
        [(json!("a"), json!(1)), (json!("b"), json!(1))]
    );
    assert_eq!(
        counts(&events.ask("ListArchives", json!({ "NamePrefix": "b" })).await),
        [(json!("b"), json!(1))]
    );
    let first = events.ask("ListArchives", json!({ "Limit": 1 })).await;
    let next = json!({ "NextToken": first["NextToken"], "Limit": 1 });
    assert_eq!(counts(&events.ask("ListArchives", next).await), [(json!("b"), json!(1))]);
    // What is older than its retention goes within the hour.
    events.pass(Duration::from_secs(7 * 86_400 + 1));
    events.until("the old events to go", || async { events.rows(727).await == 1 }).await;
    events.ask("DeleteArchive", json!({ "ArchiveName": "b" })).await;
    events
        .until("the others to go", || async { events.rows(727).await == 0 && events.rows(729).await == 0 })
        .await;
    for operation in ["DescribeArchive", "DeleteArchive", "UpdateArchive"] {
        events.send_to(operation, &json!({ "ArchiveName": "b" })).await.refuses(
            400,
            "ResourceNotFoundException",
            "Archive b does not exist.",
        );
    }
    for name in ["c", "d", "e", "f"] {
        archive(&events, name, json!({})).await;
    }
    events.send_to("CreateArchive", &json!({ "ArchiveName": "g", "EventSourceArn": BUS })).await.refuses(
        400,
        "LimitExceededException",
        "The requested resource exceeds the maximum number allowed.",
    );
    let bad = json!({ "ArchiveName": "c", "EventSourceArn": BUS, "EventPattern": r#"{"source":[]}"# });
    assert!(events.send_to("CreateArchive", &bad).await.text().contains("Empty arrays are not allowed"));
}

#[tokio::test]
async fn a_replay_sends_events_again_under_its_name() {
    let events = Events::new();
    archive(&events, "a", json!({})).await;
    events.rule("one", json!({ "source": ["shop"] }), json!([{ "Id": "1", "Arn": function("one") }])).await;
    events.rule("two", json!({ "source": ["shop"] }), json!([{ "Id": "1", "Arn": function("two") }])).await;
    for number in 0..150 {
        events.put("t", json!({ "n": number })).await;
    }
    events.functions.until(300).await;
    let started = replay(&events, "again", json!([format!("{RULE}/two")])).await;
    assert_eq!(
        (&started["State"], started["ReplayArn"].as_str()),
        (&json!("STARTING"), Some("arn:aws:events:us-east-1:000000000000:replay/again"))
    );
    let told = ended(&events, "again").await;
    assert_eq!((&told["State"], &told["EventSourceArn"]), (&json!("COMPLETED"), &json!(ARCHIVE)));
    assert_eq!(told["Destination"], json!({ "Arn": BUS, "FilterArns": [format!("{RULE}/two")] }));
    events.settled().await;
    let received = events.functions.received();
    let mut again = Vec::new();
    for delivery in &received[300..] {
        assert_eq!(
            (delivery.target.as_str(), &body(delivery)["replay-name"]),
            (&*function("two"), &json!("again"))
        );
        again.push(body(delivery)["detail"]["n"].as_i64());
    }
    again.sort_unstable();
    assert_eq!(again, (0..150).map(Some).collect::<Vec<_>>());
    // Archives do not take what is replayed.
    assert_eq!(events.rows(727).await, 150);
    let listed = events.ask("ListReplays", json!({ "State": "COMPLETED" })).await;
    assert_eq!(listed["Replays"][0]["ReplayName"], "again");
    let again = json!({ "ReplayName": "again" });
    events.send_to("CancelReplay", &again).await.refuses(
        400,
        "IllegalStatusException",
        "Replay again is not in a valid state for this operation.",
    );
    events.pass(Duration::from_secs(91 * 86_400));
    events.until("the replay to be forgotten", || async { events.rows(728).await == 0 }).await;
}

#[tokio::test]
async fn a_replay_goes_on_after_a_restart_or_is_cancelled() {
    let events = Events::new();
    archive(&events, "a", json!({})).await;
    for number in 0..10 {
        events.put("t", json!({ "n": number })).await;
    }
    events.rule("r", json!({ "source": ["shop"] }), json!([{ "Id": "1", "Arn": function("f") }])).await;
    events.stop_jobs().await;
    replay(&events, "kept", json!([])).await;
    replay(&events, "cancelled", json!([])).await;
    let answer = events.ask("CancelReplay", json!({ "ReplayName": "cancelled" })).await;
    assert_eq!(answer["State"], "CANCELLING");
    let events = events.restarted().await;
    assert_eq!(ended(&events, "cancelled").await["State"], "CANCELLED");
    assert_eq!(ended(&events, "kept").await["State"], "COMPLETED");
    events.functions.until(10).await;
    events.settled().await;
    assert_eq!(events.functions.received().len(), 10);
}

#[tokio::test]
async fn what_is_no_replay() {
    let events = Events::new();
    archive(&events, "a", json!({})).await;
    events.ask("CreateEventBus", json!({ "Name": "other" })).await;
    let request = |more: Json| {
        let mut request = json!({
            "ReplayName": "r", "EventSourceArn": ARCHIVE, "EventStartTime": EPOCH, "EventEndTime": EPOCH + 1,
            "Destination": { "Arn": BUS },
        });
        for (member, value) in more.as_object().expect("an object") {
            request[member] = value.clone();
        }
        request
    };
    for (more, code, message) in [
        (
            json!({ "EventSourceArn": format!("{ARCHIVE}x") }),
            "ResourceNotFoundException",
            "Archive ax does not exist.",
        ),
        (
            json!({ "EventEndTime": EPOCH }),
            "ValidationException",
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ),
        (
            json!({ "Destination": { "Arn": BUS.replace("default", "other") } }),
            "ValidationException",
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
        ),
    ] {
        events.send_to("StartReplay", &request(more)).await.refuses(400, code, message);
    }
    for operation in ["DescribeReplay", "CancelReplay"] {
        events.send_to(operation, &json!({ "ReplayName": "r" })).await.refuses(
            400,
            "ResourceNotFoundException",
            "Replay r does not exist.",
        );
    }
}
