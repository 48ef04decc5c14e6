//! `DeleteLogGroup` over the wire, and the sweep after it.

use serde_json::json;
use testkit::{EPOCH_MS, Logs};

const OPERATION: &str = "DeleteLogGroup";
/// Tables: streams, events, groups that wait for the sweep.
const SWEPT: [u16; 3] = [201, 202, 203];

async fn rows(logs: &Logs) -> [usize; 3] {
    let mut rows = [0; 3];
    for (count, table) in rows.iter_mut().zip(SWEPT) {
        *count = logs.rows(table).await;
    }
    rows
}

#[tokio::test]
async fn the_group_is_gone_at_once() {
    let logs = Logs::with_streams(&["s"]).await;
    logs.put("s", &[(EPOCH_MS, "old")]).await.ok();
    logs.call(OPERATION, json!({ "logGroupName": "g" })).await.is(200, "{}");
    logs.call("DescribeLogGroups", json!({})).await.is(200, r#"{"logGroups":[]}"#);
    let missing = logs.call("GetLogEvents", json!({ "logGroupName": "g", "logStreamName": "s" })).await;
    missing.refuses(400, "ResourceNotFoundException", "The specified log group does not exist.");

    logs.group("g").await;
    let streams = logs.call("DescribeLogStreams", json!({ "logGroupName": "g" })).await;
    streams.is(200, r#"{"logStreams":[]}"#);
    logs.stream("g", "s").await;
    let events = logs.call("FilterLogEvents", json!({ "logGroupName": "g" })).await.ok();
    assert_eq!(events["events"], json!([]), "a name that is used again is another group");
}

#[tokio::test]
async fn its_rows_are_swept_and_nobody_elses() {
    let logs = Logs::with_streams(&["a", "b", "empty"]).await;
    let many = (0..1500).map(|at| (EPOCH_MS + at, "x")).collect::<Vec<_>>();
    logs.put("a", &many).await.ok();
    logs.put("b", &many[..2]).await.ok();
    logs.group("kept").await;
    logs.stream("kept", "s").await;
    let event = json!([{ "timestamp": EPOCH_MS, "message": "kept" }]);
    let put = json!({ "logGroupName": "kept", "logStreamName": "s", "logEvents": event });
    logs.call("PutLogEvents", put).await.ok();

    logs.call(OPERATION, json!({ "logGroupName": "g" })).await.ok();
    assert_eq!(rows(&logs).await, [4, 1503, 1], "the request itself removes the group only");
    logs.start_jobs();
    logs.until("the rows to be swept", async || rows(&logs).await == [1, 1, 0]).await;

    // The job goes on with what is deleted while it runs.
    logs.call(OPERATION, json!({ "logGroupName": "kept" })).await.ok();
    logs.until("the rows to be swept", async || rows(&logs).await == [0, 0, 0]).await;
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let logs = Logs::with_streams(&["s"]).await;
    let answer = logs.call(OPERATION, json!({ "logGroupName": "h" })).await;
    answer.refuses(400, "ResourceNotFoundException", "The specified log group does not exist.");
    assert_eq!(rows(&logs).await, [1, 0, 0]);
}
