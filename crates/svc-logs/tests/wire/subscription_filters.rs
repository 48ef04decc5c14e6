//! Subscription filters: putting, describing and deleting them, and what their destinations are sent.

use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::GzDecoder;
use serde_json::{Value as Json, json};
use service::{Delivery, Undelivered};
use testkit::{Answer, EPOCH_MS, Lambda, Logs, Mailbox, request};

const F: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
/// The table of what is on its way.
const SHIPMENTS: u16 = 204;

/// Logs with a group `g` that has streams `s` and `t`, and a box for what functions would be sent.
async fn logs() -> (Logs, Mailbox) {
    let mailbox = Mailbox::new();
    let logs = Logs::beside(vec![mailbox.service("lambda")]);
    logs.group("g").await;
    logs.stream("g", "s").await;
    logs.stream("g", "t").await;
    (logs, mailbox)
}

async fn put(logs: &Logs, name: &str, pattern: &str, destination: &str) -> Answer {
    put_with(logs, name, pattern, destination, json!({})).await
}

async fn put_with(logs: &Logs, name: &str, pattern: &str, destination: &str, more: Json) -> Answer {
    let mut body = json!({
        "logGroupName": "g", "filterName": name, "filterPattern": pattern, "destinationArn": destination,
    });
    let Json::Object(more) = more else { panic!("{more} is no object") };
    body.as_object_mut().expect("made above").extend(more);
    logs.call("PutSubscriptionFilter", body).await
}

fn unpacked(bytes: &[u8]) -> Json {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).expect("gzip");
    serde_json::from_str(&text).expect("JSON")
}

/// What a function was sent, unpacked.
fn heard(delivery: &Delivery) -> Json {
    let event = serde_json::from_slice::<Json>(&delivery.payload).expect("JSON");
    unpacked(&BASE64.decode(event["awslogs"]["data"].as_str().expect("text")).expect("Base64"))
}

#[tokio::test]
async fn a_function_is_sent_what_matches() {
    let (logs, mailbox) = logs().await;
    put(&logs, "errors", "ERROR", F).await.is(200, "{}");
    let events = [(EPOCH_MS, "an ERROR"), (EPOCH_MS, "fine"), (EPOCH_MS + 1, "ERROR 2")];
    logs.put("s", &events).await.ok();
    logs.put("t", &[(EPOCH_MS, "fine")]).await.ok();
    let delivery = mailbox.until(1).await.remove(0);
    assert_eq!(delivery.sender.service, "logs.amazonaws.com");
    assert_eq!(delivery.sender.source_arn, "arn:aws:logs:us-east-1:000000000000:log-group:g:*");
    let mut heard = heard(&delivery);
    let ids = ["0", "1"].map(|at| {
        let at = at.parse::<usize>().expect("a number");
        heard["logEvents"][at].as_object_mut().expect("an event").remove("id").expect("an id")
    });
    assert!(ids.iter().all(|id| id.as_str().is_some_and(|id| id.len() == 56)) && ids[0] != ids[1], "{ids:?}");
    assert_eq!(
        heard,
        json!({
            "messageType": "DATA_MESSAGE", "owner": "000000000000", "logGroup": "g", "logStream": "s",
            "subscriptionFilters": ["errors"],
            "logEvents": [
                { "timestamp": EPOCH_MS, "message": "an ERROR" },
                { "timestamp": EPOCH_MS + 1, "message": "ERROR 2" },
            ],
        })
    );
    let found =
        logs.call("FilterLogEvents", json!({ "logGroupName": "g", "filterPattern": "ERROR" })).await.ok();
    assert_eq!((&found["events"][0]["eventId"], &found["events"][1]["eventId"]), (&ids[0], &ids[1]));
    logs.until("nothing is left", || async { logs.rows(SHIPMENTS).await == 0 }).await;
    assert_eq!(mailbox.received().len(), 1);
}

#[tokio::test]
async fn filters_are_described_changed_and_deleted() {
    let (logs, mailbox) = logs().await;
    put(&logs, "b", "x", F).await.is(200, "{}");
    put(&logs, "a", "y", F).await.is(200, "{}");
    put(&logs, "c", "z", F).await.refuses(400, "LimitExceededException", "Resource limit exceeded.");
    logs.clock.advance(Duration::from_secs(1));
    put(&logs, "b", "{ $.a = 1 }", F).await.is(200, "{}");
    let describe = async |more: Json| {
        let mut body = json!({ "logGroupName": "g" });
        body.as_object_mut().expect("made above").extend(more.as_object().expect("an object").clone());
        logs.call("DescribeSubscriptionFilters", body).await.ok()
    };
    let filter = |name: &str, pattern: &str| {
        json!({
            "filterName": name, "logGroupName": "g", "filterPattern": pattern, "destinationArn": F,
            "distribution": "ByLogStream", "applyOnTransformedLogs": false, "creationTime": EPOCH_MS,
        })
    };
    let all = json!({ "subscriptionFilters": [filter("a", "y"), filter("b", "{ $.a = 1 }")] });
    assert_eq!(describe(json!({})).await, all);
    let first = describe(json!({ "limit": 1 })).await;
    assert_eq!(first["subscriptionFilters"], json!([filter("a", "y")]));
    let second = describe(json!({ "limit": 1, "nextToken": first["nextToken"] })).await;
    assert_eq!(second, json!({ "subscriptionFilters": [filter("b", "{ $.a = 1 }")] }));
    assert_eq!(describe(json!({ "filterNamePrefix": "c" })).await, json!({ "subscriptionFilters": [] }));
    let delete = json!({ "logGroupName": "g", "filterName": "b" });
    logs.call("DeleteSubscriptionFilter", delete.clone()).await.is(200, "{}");
    let message = "The specified subscription filter does not exist.";
    logs.call("DeleteSubscriptionFilter", delete).await.refuses(400, "ResourceNotFoundException", message);
    logs.put("s", &[(EPOCH_MS, r#"{"a":1}"#), (EPOCH_MS, "y")]).await.ok();
    assert_eq!(heard(&mailbox.until(1).await[0])["subscriptionFilters"], json!(["a"]));
}

#[tokio::test]
async fn what_can_be_no_filter_is_refused() {
    let (logs, _) = logs().await;
    let invalid = "InvalidParameterException";
    put(&logs, "a", "{", F).await.refuses(400, invalid, "Invalid filter pattern");
    put(&logs, "a", "", "f").await.refuses(400, invalid, "Invalid destinationArn");
    let other = "arn:aws:lambda:eu-west-1:000000000000:function:f";
    let message = "destinationArn must be in the account and region of the log group";
    put(&logs, "a", "", other).await.refuses(400, invalid, message);
    let message = "destinationArn for vendor kinesis cannot be used without roleArn";
    put(&logs, "a", "", STREAM).await.refuses(400, invalid, message);
    let message = "PutSubscriptionFilter operation cannot work with destinationArn for vendor sqs";
    put(&logs, "a", "", "arn:aws:sqs:us-east-1:000000000000:q").await.refuses(400, invalid, message);
    let role = json!({ "roleArn": "arn:aws:iam::000000000000:role/r" });
    let hose = "arn:aws:firehose:us-east-1:000000000000:deliverystream/d";
    let message =
        "Lambent's PutSubscriptionFilter does not honour destinationArn of firehose yet, so it refuses it.";
    put_with(&logs, "a", "", hose, role).await.refuses(501, "NotImplementedException", message);
    let more = json!({ "applyOnTransformedLogs": true });
    assert_eq!(put_with(&logs, "a", "", F, more).await.status, 501);
    let body = json!({ "logGroupName": "h", "filterName": "a", "filterPattern": "", "destinationArn": F });
    let missing = logs.call("PutSubscriptionFilter", body).await;
    missing.refuses(400, "ResourceNotFoundException", "The specified log group does not exist.");
}

#[tokio::test]
async fn a_stream_is_asked_first_and_sent_gzip() {
    let mailbox = Mailbox::new();
    let logs = Logs::beside(vec![mailbox.service("kinesis")]);
    logs.group("g").await;
    logs.stream("g", "s").await;
    let role = json!({ "roleArn": "arn:aws:iam::000000000000:role/r" });
    put_with(&logs, "a", "", STREAM, role).await.is(200, "{}");
    let question = unpacked(&mailbox.until(1).await[0].payload);
    assert_eq!(
        (&question["messageType"], &question["owner"]),
        (&json!("CONTROL_MESSAGE"), &json!("CloudwatchLogs"))
    );
    logs.put("s", &[(EPOCH_MS, "x")]).await.ok();
    let delivery = mailbox.until(2).await.remove(1);
    assert_eq!(unpacked(&delivery.payload)["logEvents"][0]["message"], "x");
    assert_eq!(delivery.sender.role.as_deref(), Some("arn:aws:iam::000000000000:role/r"));
    assert_eq!(delivery.in_order.expect("a stream's order").group, "s");
    logs.stop_jobs().await;
    for number in 0..30 {
        logs.clock.advance(Duration::from_millis(1));
        logs.put("s", &[(EPOCH_MS, &number.to_string())]).await.ok();
    }
    logs.start_jobs();
    let received = mailbox.until(32).await;
    let numbers =
        received[2..].iter().map(|delivery| unpacked(&delivery.payload)["logEvents"][0]["message"].clone());
    assert_eq!(numbers.collect::<Vec<_>>(), (0..30).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_not_taken_comes_again_and_what_is_too_large_in_parts() {
    let (logs, mailbox) = logs().await;
    put(&logs, "a", "", F).await.is(200, "{}");
    mailbox.refuse(Undelivered::Throttled);
    mailbox.refuse(Undelivered::TooLarge { bytes: 2, bytes_max: 1 });
    logs.put("s", &[(EPOCH_MS, "1"), (EPOCH_MS, "2"), (EPOCH_MS, "3")]).await.ok();
    logs.until("both refusals", || async { mailbox.refusals_left() < 2 }).await;
    let parts = async { mailbox.until(2).await };
    let mut parts = std::pin::pin!(parts);
    let parts = loop {
        tokio::select! {
            parts = &mut parts => break parts,
            () = tokio::task::yield_now() => logs.clock.advance(Duration::from_millis(100)),
        }
    };
    let messages = |delivery: &Delivery| heard(delivery)["logEvents"].as_array().expect("a list").len();
    let mut counts = parts.iter().map(messages).collect::<Vec<_>>();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2]);
    // The function is gone: nothing comes again, and nobody is held up.
    mailbox.refuse(Undelivered::NotFound(F.to_owned()));
    logs.put("s", &[(EPOCH_MS, "lost")]).await.ok();
    logs.until("nothing is left", || async { logs.rows(SHIPMENTS).await == 0 }).await;
    assert_eq!(mailbox.received().len(), 2);
}

#[tokio::test]
async fn what_is_on_its_way_survives_a_crash() {
    let (logs, mailbox) = logs().await;
    put(&logs, "a", "", F).await.is(200, "{}");
    logs.stop_jobs().await;
    for number in 0..70 {
        logs.put("s", &[(EPOCH_MS, &number.to_string())]).await.ok();
    }
    assert_eq!((logs.rows(SHIPMENTS).await, mailbox.received().len()), (70, 0));
    logs.start_jobs();
    mailbox.until(70).await;
    logs.until("nothing is left", || async { logs.rows(SHIPMENTS).await == 0 }).await;
}

/// So that whoever is called because of a line sees a loop.
#[tokio::test]
async fn what_is_sent_goes_on_in_the_trace_of_who_wrote_it() {
    let (logs, mailbox) = logs().await;
    put(&logs, "a", "", F).await.is(200, "{}");
    let trace = "Root=1-68fd508a-5f3a1b2c3d4e5f6071829304;Lineage=170274f7:3";
    let body = json!({
        "logGroupName": "g", "logStreamName": "s", "logEvents": [{ "timestamp": EPOCH_MS, "message": "x" }],
    });
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "Logs_20140328.PutLogEvents"),
        ("x-amzn-trace-id", trace),
    ];
    logs.send(request("POST", "/", "logs", &headers, body.to_string())).await.ok();
    assert_eq!(mailbox.until(1).await[0].trace.as_deref(), Some(trace));
}

#[tokio::test]
async fn a_function_has_to_let_logs_in() {
    let lambda = Lambda::new().await;
    lambda.sandboxes.on("echo", |mut runtime| async move {
        loop {
            let work = runtime.next().await;
            runtime.respond(&work.id, b"{}").await;
        }
    });
    lambda.function("f", "echo").await;
    let group = json!({ "logGroupName": "g" });
    lambda.wire.json("logs", "CreateLogGroup", &group).await.is(200, "{}");
    let filter = json!({ "logGroupName": "g", "filterName": "a", "filterPattern": "", "destinationArn": F });
    let message = "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute \
                   your function.";
    let refused = lambda.wire.json("logs", "PutSubscriptionFilter", &filter).await;
    refused.refuses(400, "InvalidParameterException", message);
    let permission = json!({
        "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "logs.us-east-1.amazonaws.com",
        "SourceArn": "arn:aws:logs:us-east-1:000000000000:log-group:g:*",
    });
    lambda.call("POST", "/2015-03-31/functions/f/policy", &permission).await.ok();
    lambda.wire.json("logs", "PutSubscriptionFilter", &filter).await.is(200, "{}");
    let missing = json!({ "logGroupName": "g", "filterName": "a", "filterPattern": "", "destinationArn": format!("{F}x") });
    let refused = lambda.wire.json("logs", "PutSubscriptionFilter", &missing).await;
    refused.refuses(400, "InvalidParameterException", message);
}
