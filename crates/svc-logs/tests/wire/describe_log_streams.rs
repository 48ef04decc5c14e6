//! `DescribeLogStreams` over the wire.

use serde_json::{Value, json};
use testkit::{EPOCH_MS, Logs};

const OPERATION: &str = "DescribeLogStreams";

fn names(page: &Value) -> Vec<&str> {
    let streams = page["logStreams"].as_array().expect("a list");
    streams.iter().map(|stream| stream["logStreamName"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn lists_by_name_and_by_last_event() {
    let logs = Logs::with_streams(&["a", "b", "c", "silent"]).await;
    for (stream, at) in [("a", 20), ("b", 30), ("c", 10)] {
        logs.put(stream, &[(EPOCH_MS + at, "x")]).await.ok();
    }
    for (more, expected) in [
        (json!({}), ["a", "b", "c", "silent"]),
        (json!({ "descending": true }), ["silent", "c", "b", "a"]),
        (json!({ "orderBy": "LastEventTime" }), ["silent", "c", "a", "b"]),
        (json!({ "orderBy": "LastEventTime", "descending": true }), ["b", "a", "c", "silent"]),
    ] {
        let mut body = json!({ "logGroupName": "g" });
        body.as_object_mut().expect("made above").extend(more.as_object().expect("made above").clone());
        assert_eq!(names(&logs.call(OPERATION, body).await.ok()), expected, "{more}");
    }
    let of_prefix = json!({ "logGroupIdentifier": "arn:aws:logs:us-east-1:000000000000:log-group:g", "logStreamNamePrefix": "s" });
    assert_eq!(names(&logs.call(OPERATION, of_prefix).await.ok()), ["silent"]);
}

#[tokio::test]
async fn a_stream_shows_its_times() {
    let logs = Logs::with_streams(&["s"]).await;
    logs.clock.advance(std::time::Duration::from_secs(1));
    logs.put("s", &[(EPOCH_MS - 50, "x"), (EPOCH_MS + 70, "y")]).await.ok();
    logs.put("s", &[(EPOCH_MS - 60, "late")]).await.ok();
    let shown = logs.call(OPERATION, json!({ "logGroupName": "g" })).await.ok();
    assert_eq!(
        shown["logStreams"][0],
        json!({
            "logStreamName": "s",
            "creationTime": EPOCH_MS,
            "firstEventTimestamp": EPOCH_MS - 60,
            "lastEventTimestamp": EPOCH_MS + 70,
            "lastIngestionTime": EPOCH_MS + 1000,
            "uploadSequenceToken": format!("{:056}", 3),
            "arn": "arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:s",
            "storedBytes": 0,
        })
    );
}

#[tokio::test]
async fn pages_lead_to_the_end_whatever_comes_in_between() {
    let logs = Logs::with_streams(&["b", "c", "d"]).await;
    let page = async |more: Value| {
        let mut body = json!({ "logGroupName": "g", "limit": 2 });
        body.as_object_mut().expect("made above").extend(more.as_object().expect("made above").clone());
        logs.call(OPERATION, body).await.ok()
    };
    let up = page(json!({})).await;
    let down = page(json!({ "descending": true })).await;
    assert_eq!((names(&up), names(&down)), (vec!["b", "c"], vec!["d", "c"]));
    logs.stream("g", "a").await;
    logs.stream("g", "e").await;
    let up = page(json!({ "nextToken": up["nextToken"] })).await;
    let down = page(json!({ "descending": true, "nextToken": down["nextToken"] })).await;
    assert_eq!((names(&up), names(&down)), (vec!["d", "e"], vec!["b", "a"]));
    assert_eq!((up.get("nextToken"), down.get("nextToken")), (None, None));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let logs = Logs::with_streams(&["s"]).await;
    let refused = async |body: Value, code: &str, message: &str| {
        logs.call(OPERATION, body).await.refuses(400, code, message);
    };
    refused(
        json!({ "logGroupName": "h" }),
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
    .await;
    refused(
        json!({ "logGroupName": "g", "orderBy": "LastEventTime", "logStreamNamePrefix": "s" }),
        "InvalidParameterException",
        "Cannot order by LastEventTime with a logStreamNamePrefix.",
    )
    .await;
    refused(
        json!({ "logGroupName": "g", "nextToken": "x" }),
        "InvalidParameterException",
        "The specified nextToken is invalid.",
    )
    .await;
    refused(
        json!({ "logGroupName": "g", "logGroupIdentifier": "g" }),
        "InvalidParameterException",
        "LogGroup name and LogGroup identifier are mutually exclusive parameters.",
    )
    .await;
    refused(
        json!({}),
        "InvalidParameterException",
        "Either LogGroup name or LogGroup identifier must be specified.",
    )
    .await;
}
