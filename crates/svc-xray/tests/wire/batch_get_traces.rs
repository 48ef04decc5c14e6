//! `BatchGetTraces` over the wire.

use serde_json::json;
use testkit::Ground;

#[tokio::test]
async fn missing_traces_are_told_and_what_is_no_id_is_refused() {
    let wire = Ground::new().serve(vec![svc_xray::service(None)]);
    let id = "1-581cf771-a006649127e371903a2de979";
    let get = async |body| wire.rest("POST", "/Traces", "xray", &body).await;
    get(json!({ "TraceIds": [id] }))
        .await
        .is_json(200, &json!({ "Traces": [], "UnprocessedTraceIds": [id] }));
    let code = "InvalidRequestException";
    get(json!({ "TraceIds": ["x"] })).await.refuses(400, code, "Invalid trace id: x");
    let six = json!({ "TraceIds": [id, id, id, id, id, id] });
    get(six).await.refuses(400, code, "Too many trace ids: at most 5 are allowed");
    get(json!({ "TraceIds": [], "NextToken": "t" })).await.refuses(400, code, "Invalid NextToken");
}
