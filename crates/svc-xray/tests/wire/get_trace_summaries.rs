//! `GetTraceSummaries` over the wire.

use serde_json::{Value, json};
use testkit::{Answer, Ground, Wire};

/// The trace number `number`, a second after the one before.
fn trace_id(number: i64) -> String {
    format!("1-{:08x}-{number:024x}", 1_700_000_000 + number)
}

async fn put(wire: &Wire, number: i64, more: Value) {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let start = 1.7e9 + number as f64;
    let mut document = json!({
        "name": "shop", "id": format!("{number:016x}"), "trace_id": trace_id(number),
        "start_time": start, "end_time": start + 0.5, "origin": "AWS::Lambda",
    });
    let Value::Object(more) = more else { panic!("{more} is no object") };
    document.as_object_mut().expect("made above").extend(more);
    let body = json!({ "TraceSegmentDocuments": [document.to_string()] });
    wire.rest("POST", "/TraceSegments", "xray", &body).await.ok();
}

async fn summaries(wire: &Wire, more: Value) -> Answer {
    let mut body = json!({ "StartTime": 1_700_000_000, "EndTime": 1_700_000_300 });
    let Value::Object(more) = more else { panic!("{more} is no object") };
    body.as_object_mut().expect("made above").extend(more);
    wire.rest("POST", "/TraceSummaries", "xray", &body).await
}

fn ids(answer: &Value) -> Vec<&str> {
    let summaries = answer["TraceSummaries"].as_array().expect("a list");
    summaries.iter().map(|summary| summary["Id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn a_trace_is_summed_up() {
    let wire = Ground::new().serve(vec![svc_xray::service(None)]);
    let http =
        json!({ "request": { "method": "GET", "url": "http://shop/" }, "response": { "status": 500 } });
    put(&wire, 5, json!({ "fault": true, "http": http, "annotations": { "id": "a-1" }, "user": "ada" }))
        .await;
    let inner = json!({
        "id": "000000000000000a", "parent_id": format!("{:016x}", 5), "name": "f", "origin": "AWS::Lambda::Function",
        "start_time": 1_700_000_005.1, "end_time": 1_700_000_006.0,
    });
    put(&wire, 5, inner).await;
    let found = summaries(&wire, json!({})).await.ok();
    let summary = &found["TraceSummaries"][0];
    assert_eq!((ids(&found), &found["TracesProcessedCount"]), (vec![&*trace_id(5)], &json!(1)));
    assert_eq!((&summary["Duration"], &summary["ResponseTime"]), (&json!(1.0), &json!(0.5)));
    assert_eq!(
        (&summary["HasFault"], &summary["HasError"], &summary["IsPartial"]),
        (&json!(true), &json!(false), &json!(false))
    );
    assert_eq!(summary["Http"], json!({ "HttpURL": "http://shop/", "HttpStatus": 500, "HttpMethod": "GET" }));
    assert_eq!(summary["Annotations"]["id"][0]["AnnotationValue"], json!({ "StringValue": "a-1" }));
    assert_eq!(summary["EntryPoint"]["Type"], "AWS::Lambda");
    let names = summary["ServiceIds"].as_array().expect("a list").iter().map(|id| id["Name"].as_str());
    assert_eq!(names.collect::<Vec<_>>(), [Some("shop"), Some("f")]);
}

#[tokio::test]
async fn time_filter_and_pages_choose() {
    let wire = Ground::new().serve(vec![svc_xray::service(None)]);
    for number in 0..250 {
        put(&wire, number, json!({ "error": number % 2 == 1 })).await;
    }
    let some = json!({ "StartTime": 1_700_000_010, "EndTime": 1_700_000_012 });
    let found = summaries(&wire, some).await.ok();
    assert_eq!(ids(&found), [trace_id(10), trace_id(11), trace_id(12)]);
    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let page = summaries(&wire, json!({ "FilterExpression": "error", "NextToken": token })).await.ok();
        found.extend(ids(&page).into_iter().map(str::to_owned));
        match page.get("NextToken") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    assert_eq!(found, (0..125).map(|number| trace_id(2 * number + 1)).collect::<Vec<_>>());
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let wire = Ground::new().serve(vec![svc_xray::service(None)]);
    let check = async |more: Value, status: u16, code: &str, message: &str| {
        summaries(&wire, more).await.refuses(status, code, message);
    };
    let code = "InvalidRequestException";
    let range = "The time range must be at least one second and at most 24 hours";
    check(json!({ "EndTime": 1_700_000_000 }), 400, code, range).await;
    check(json!({ "EndTime": 1_700_090_000 }), 400, code, range).await;
    check(json!({ "FilterExpression": "what" }), 400, code, "Invalid filter expression: what").await;
    check(json!({ "NextToken": "x" }), 400, code, "Invalid NextToken").await;
    let message = "Lambent's GetTraceSummaries does not honour Sampling yet, so it refuses it.";
    check(json!({ "Sampling": true }), 501, "NotImplementedException", message).await;
    let message =
        "Lambent's GetTraceSummaries does not honour TimeRangeType other than TraceId yet, so it refuses it.";
    check(json!({ "TimeRangeType": "Event" }), 501, "NotImplementedException", message).await;
}
