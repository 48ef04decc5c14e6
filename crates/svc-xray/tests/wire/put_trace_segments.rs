//! `PutTraceSegments` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Ground, Wire};

const TRACE: &str = "1-581cf771-a006649127e371903a2de979";

async fn put(wire: &Wire, documents: &[Value]) -> Answer {
    let documents = documents.iter().map(Value::to_string).collect::<Vec<_>>();
    wire.rest("POST", "/TraceSegments", "xray", &json!({ "TraceSegmentDocuments": documents })).await
}

async fn traces(wire: &Wire) -> Value {
    wire.rest("POST", "/Traces", "xray", &json!({ "TraceIds": [TRACE] })).await.ok()
}

#[tokio::test]
async fn segments_are_kept_and_replaced_and_the_unreadable_told() {
    let wire = Ground::new().serve(vec![svc_xray::service(None)]);
    let begun = json!({ "name": "n", "id": "70de5b6f19ff9a0a", "trace_id": TRACE, "start_time": 10.0, "in_progress": true });
    let whole = json!({ "name": "n", "id": "70de5b6f19ff9a0a", "trace_id": TRACE, "start_time": 10.0, "end_time": 12.5 });
    let wrong = json!({ "name": "n", "id": "70de5b6f19ff9a0b", "trace_id": "x", "start_time": 10.0, "end_time": 12.5 });
    put(&wire, &[begun]).await.is_json(200, &json!({ "UnprocessedTraceSegments": [] }));
    let answer = put(&wire, &[wrong, whole.clone()]).await;
    let unprocessed = json!([{ "Id": "70de5b6f19ff9a0b", "ErrorCode": "InvalidTraceId" }]);
    answer.is_json(200, &json!({ "UnprocessedTraceSegments": unprocessed }));
    let found = traces(&wire).await;
    let segment = json!({ "Id": "70de5b6f19ff9a0a", "Document": whole.to_string() });
    assert_eq!(
        found["Traces"],
        json!([{ "Id": TRACE, "Duration": 2.5, "LimitExceeded": false, "Segments": [segment] }])
    );
}

#[tokio::test]
async fn old_traces_go_and_young_ones_stay() {
    let wire = Ground::new().serve(vec![svc_xray::service(None)]);
    let now = wire.env.now().as_secs();
    let of = |trace: i64, region: u32| {
        let id = format!("1-{trace:08x}-a006649127e371903a2de979");
        json!({ "name": "n", "id": format!("{region:016x}"), "trace_id": id, "start_time": 10.0, "end_time": 12.5 })
    };
    let day = 24 * 60 * 60;
    put(
        &wire,
        &[of(now - 31 * day, 1), of(now - 31 * day, 2), of(now - 30 * day - 1, 1), of(now - 29 * day, 1)],
    )
    .await
    .ok();
    wire.start_jobs();
    wire.until("old traces to be swept", async || wire.rows(300).await == 1).await;
}
