//! Messages of queues on their way through pipes.

use std::time::Duration;

use serde_json::json;

use crate::platform::{Does, Platform, bodies, function};

#[tokio::test]
async fn a_message_reaches_the_function_and_is_gone() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    platform.pipe("p", &queue, &function("f"), json!({})).await;
    let id = platform.send_to("q", "hello").await;
    let event = platform.events(1).await.remove(0);
    let record = &event[0];
    assert_eq!((&record["messageId"], &record["body"]), (&json!(id), &json!("hello")));
    assert_eq!(record["eventSource"], "aws:sqs");
    assert_eq!(record["eventSourceARN"], queue);
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn filters_and_templates_see_bodies() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let more = json!({
        "SourceParameters": { "FilterCriteria": { "Filters": [{ "Pattern": "{\"body\":{\"kind\":[\"order\"]}}" }] } },
        "TargetParameters": {
            "InputTemplate": "{\"n\": <$.body.n>, \"pipe\": \"<aws.pipes.pipe-name>\", \"from\": <aws.pipes.source-arn>}",
        },
    });
    platform.pipe("p", &queue, &function("f"), more).await;
    platform.send_to("q", r#"{"kind":"other","n":1}"#).await;
    platform.send_to("q", r#"{"kind":"order","n":2}"#).await;
    assert_eq!(platform.events(1).await, [json!([{ "n": 2, "pipe": "p", "from": queue }])]);
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn what_a_function_reports_comes_back() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({ "VisibilityTimeout": "30" })).await;
    for body in ["good", "bad"] {
        platform.send_to("q", body).await;
    }
    let ids =
        json!({ "QueueUrl": crate::platform::url("q"), "MaxNumberOfMessages": 10, "VisibilityTimeout": 0 });
    let messages = platform.sqs("ReceiveMessage", ids).await["Messages"].clone();
    let messages = messages.as_array().expect("messages").clone();
    let bad = messages.iter().find(|message| message["Body"] == "bad").expect("it was sent");
    let report = json!({ "batchItemFailures": [{ "itemIdentifier": bad["MessageId"] }] });
    platform.then(Does::Answers(report));
    platform.pipe("p", &queue, &function("f"), json!({})).await;
    let first = platform.events(1).await.remove(0);
    assert_eq!(first.as_array().map(Vec::len), Some(2), "both were there before the pipe");
    platform.until_left("q", (0, 1)).await;
    platform.clock.advance(Duration::from_secs(31));
    assert_eq!(platform.events(2).await[1][0]["body"], "bad");
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn nobody_waits_for_what_is_fired_and_forgotten() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let more = json!({ "TargetParameters": {
        "LambdaFunctionParameters": { "InvocationType": "FIRE_AND_FORGET" }, "InputTemplate": "<$.body>" } });
    platform.then(Does::Fails);
    platform.pipe("p", &queue, &function("f"), more).await;
    platform.send_to("q", "x").await;
    assert_eq!(platform.events(1).await, [json!(["x"])]);
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn an_enrichment_says_what_the_target_has() {
    let platform = Platform::new().await;
    let (queue, _) = (platform.queue("q", json!({})).await, platform.queue("out", json!({})).await);
    let out = "arn:aws:sqs:us-east-1:000000000000:out";
    let more = json!({
        "Enrichment": function("double"),
        "EnrichmentParameters": { "InputTemplate": "{\"v\": <$.body.v>}" },
        "TargetParameters": { "InputTemplate": "got <$.v>" },
    });
    platform.pipe("p", &queue, out, more).await;
    platform.send_to("q", r#"{"v":7}"#).await;
    assert_eq!(bodies(&platform.received("out", 2).await), ["got 7", "got 7"]);
    platform.until_left("q", (0, 0)).await;
}

#[tokio::test]
async fn an_enrichment_that_gives_nothing_keeps_events_from_the_target() {
    let platform = Platform::new().await;
    let queue = platform.queue("q", json!({})).await;
    let missing = "arn:aws:sqs:us-east-1:000000000000:never-made";
    platform.then(Does::Answers(json!([])));
    platform.pipe("p", &queue, missing, json!({ "Enrichment": function("f") })).await;
    platform.send_to("q", "x").await;
    platform.events(1).await;
    platform.until_left("q", (0, 0)).await;
}
