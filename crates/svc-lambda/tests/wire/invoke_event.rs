//! `Invoke` with `InvocationType: Event` over the wire: the queue, retries, destinations, dead letters, loops.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use execution::Options;
use kv::{Direction, KeyRange, Read as _};
use serde_json::{Value as Json, json};
use service::Undelivered;
use testkit::{Answer, Event, Lambda, Mailbox};

/// The table of work to do.
const WORK: u16 = 120;
const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

/// What a function was called with: request id, payload, trace.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<(String, String, String)>>>);

impl Calls {
    fn all(&self) -> Vec<(String, String, String)> {
        self.0.lock().expect("no panic while held").clone()
    }
}

/// A platform with a function `f` that records its calls and answers or, asked to, fails; and a queue.
async fn platform() -> (Lambda, Calls, Mailbox) {
    platform_with(|options| options).await
}

async fn platform_with(change: impl FnOnce(Options) -> Options) -> (Lambda, Calls, Mailbox) {
    let mailbox = Mailbox::new();
    let lambda = Lambda::beside(change, vec![mailbox.service("sqs")]).await;
    let calls = Calls::default();
    let recorded = calls.clone();
    lambda.sandboxes.on("record", move |mut runtime| {
        let calls = recorded.clone();
        async move {
            loop {
                let work = runtime.next().await;
                let payload = String::from_utf8(work.payload.clone()).expect("text");
                let trace = work.reply.header("lambda-runtime-trace-id").unwrap_or_default().to_owned();
                calls.0.lock().expect("no panic while held").push((work.id.clone(), payload.clone(), trace));
                if payload.contains("fail") {
                    let error = r#"{"errorType":"ValueError","errorMessage":"bad"}"#;
                    runtime.fail(&work.id, "ValueError", error).await;
                } else {
                    runtime.respond(&work.id, b"[1]").await;
                }
            }
        }
    });
    lambda.function("f", "record").await;
    (lambda, calls, mailbox)
}

async fn event(lambda: &Lambda, name: &str, payload: &str) -> String {
    let answer = lambda.invoke_with(name, &[("x-amz-invocation-type", "Event")], payload).await;
    answer.is(202, "");
    answer.header("x-amzn-requestid").to_owned()
}

async fn set(lambda: &Lambda, body: Json) -> Answer {
    lambda.call("PUT", "/2019-09-25/functions/f/event-invoke-config", &body).await
}

/// Everything that is to be done, as it is stored.
async fn work(lambda: &Lambda) -> Vec<Json> {
    let range = KeyRange::prefix(WORK.to_be_bytes().to_vec());
    let snapshot = lambda.kv.snapshot().await.expect("memory has no failures");
    let rows = snapshot.scan_bytes(&range, 100, Direction::Forward).expect("memory has no failures");
    rows.iter().map(|(_, value)| serde_json::from_slice(value).expect("JSON")).collect()
}

/// Waits until the only work is an event with this member.
async fn until_event(lambda: &Lambda, member: &str, value: u64) {
    let is_so = async || {
        let work = work(lambda).await;
        work.len() == 1 && work[0]["Invoke"][member] == value
    };
    lambda.until("an event to be put off", is_so).await;
}

async fn until_done(lambda: &Lambda) {
    lambda.until("everything to be done", async || lambda.rows(WORK).await == 0).await;
}

#[tokio::test]
async fn an_event_runs_beside_its_answer() {
    let (lambda, calls, _) = platform().await;
    let id = event(&lambda, "f", r#"{"a": 1}"#).await;
    until_done(&lambda).await;
    let all = calls.all();
    assert_eq!((all.len(), &all[0].0, all[0].1.as_str()), (1, &id, r#"{"a": 1}"#));
    event(&lambda, "f", "").await;
    until_done(&lambda).await;
    assert_eq!(calls.all()[1].1, "{}");
    let answer = lambda.call("POST", "/2014-11-13/functions/f/invoke-async/", &json!({ "old": true })).await;
    answer.is(202, "{}");
    until_done(&lambda).await;
    assert_eq!(calls.all()[2].1, r#"{"old":true}"#);
}

#[tokio::test]
async fn bad_events_are_refused_and_not_stored() {
    let (lambda, calls, _) = platform().await;
    lambda.stop_jobs().await;
    let as_event = [("x-amz-invocation-type", "Event")];
    let largest = format!("\"{}\"", "x".repeat(1024 * 1024 - 2));
    lambda.invoke_with("f", &as_event, largest.clone()).await.is(202, "");
    assert_eq!(lambda.rows(WORK).await, 1);
    let message = "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)";
    let larger = format!(" {largest}");
    lambda.invoke_with("f", &as_event, larger).await.refuses(413, "RequestTooLargeException", message);
    let old = json!("x".repeat(256 * 1024));
    let message = "262146 byte payload is too large for the Event invocation type (limit 262144 bytes)";
    let answer = lambda.call("POST", "/2014-11-13/functions/f/invoke-async", &old).await;
    answer.refuses(413, "RequestTooLargeException", message);
    let answer = lambda.invoke_with("f", &as_event, "{").await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "InvalidRequestContentException"));
    let message = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:g:$LATEST";
    lambda.invoke_with("g", &as_event, "1").await.refuses(404, "ResourceNotFoundException", message);
    lambda.create(&Lambda::creation("p", "echo")).await.ok();
    let message = "The operation cannot be performed at this time. The function is currently in the following state: Pending";
    lambda.invoke_with("p", &as_event, "1").await.refuses(409, "ResourceConflictException", message);
    assert_eq!((lambda.rows(WORK).await, calls.all().len()), (1, 0));
}

#[tokio::test]
async fn a_failing_event_is_retried_twice_and_sent_on() {
    let (lambda, calls, mailbox) = platform().await;
    set(&lambda, json!({ "DestinationConfig": { "OnFailure": { "Destination": QUEUE } } })).await.ok();
    let dead_letters = json!({ "DeadLetterConfig": { "TargetArn": format!("{QUEUE}-dead") } });
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &dead_letters).await.ok();
    lambda.settled("f").await;
    let id = event(&lambda, "f", r#"{"do": "fail"}"#).await;
    until_event(&lambda, "failures", 1).await;
    lambda.clock.advance(Duration::from_secs(59));
    assert_eq!(calls.all().len(), 1);
    lambda.clock.advance(Duration::from_secs(1));
    until_event(&lambda, "failures", 2).await;
    lambda.clock.advance(Duration::from_secs(120));
    let received = mailbox.until(2).await;
    until_done(&lambda).await;
    assert_eq!(calls.all().iter().map(|call| call.0.as_str()).collect::<Vec<_>>(), [id.as_str(); 3]);
    let record = received.iter().find(|delivery| delivery.target.as_str() == QUEUE).expect("a record");
    let expected = format!(
        r#"{{"version":"1.0","timestamp":"2026-11-23T10:14:12.345Z","requestContext":{{"requestId":"{id}","functionArn":"{ARN}:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3}},"requestPayload":{{"do": "fail"}},"responseContext":{{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"}},"responsePayload":{{"errorType":"ValueError","errorMessage":"bad"}}}}"#
    );
    assert_eq!(std::str::from_utf8(&record.payload), Ok(expected.as_str()));
    assert_eq!((record.attributes.len(), record.sender.source_arn.as_str()), (0, ARN));
    assert_eq!(record.sender.role.as_deref(), Some("arn:aws:iam::000000000000:role/r"));
    let letter = received.iter().find(|delivery| delivery.target.as_str() != QUEUE).expect("a letter");
    assert_eq!(&letter.payload[..], br#"{"do": "fail"}"#);
    let attributes = letter
        .attributes
        .iter()
        .map(|(name, attribute)| (name.as_str(), &*attribute.data_type, attribute.value.as_str()));
    assert_eq!(
        attributes.collect::<Vec<_>>(),
        [("ErrorCode", "Number", "200"), ("ErrorMessage", "String", "bad"), ("RequestID", "String", &*id)]
    );
}

#[tokio::test]
async fn a_function_is_a_destination() {
    let (lambda, calls, mailbox) = platform().await;
    lambda.function("first", "echo").await;
    let body = json!({ "DestinationConfig": { "OnSuccess": { "Destination": ARN } } });
    lambda.call("PUT", "/2019-09-25/functions/first/event-invoke-config", &body).await.ok();
    set(&lambda, json!({ "DestinationConfig": { "OnSuccess": { "Destination": QUEUE } } })).await.ok();
    let id = event(&lambda, "first", "7").await;
    let received = mailbox.until(1).await;
    let (own_id, record, trace) = calls.all().remove(0);
    let record = serde_json::from_str::<Json>(&record).expect("JSON");
    assert_ne!(own_id, id, "another event");
    assert_eq!(record["requestContext"]["requestId"], id);
    assert_eq!(record["requestContext"]["condition"], "Success");
    assert_eq!((&record["requestPayload"], &record["responsePayload"]), (&json!(7), &json!(7)));
    assert_eq!(record["responseContext"], json!({ "statusCode": 200, "executedVersion": "$LATEST" }));
    let lineage = trace.rsplit_once("Lineage=").expect("a lineage").1;
    assert_eq!(lineage.split('|').count(), 2, "it goes on what the first began: {trace}");
    let last = serde_json::from_slice::<Json>(&received[0].payload).expect("JSON");
    assert_eq!((&last["requestPayload"], &last["responsePayload"]), (&record, &json!([1])));
    until_done(&lambda).await;
}

#[tokio::test]
async fn a_record_is_tried_until_its_target_takes_it() {
    let (lambda, _, mailbox) = platform().await;
    set(&lambda, json!({ "DestinationConfig": { "OnSuccess": { "Destination": QUEUE } } })).await.ok();
    mailbox.refuse(Undelivered::Throttled);
    mailbox.refuse(Undelivered::Failed("for now".to_owned()));
    event(&lambda, "f", "1").await;
    for (tries, wait) in [(1, 1), (2, 2)] {
        let is_so = async || {
            let work = work(&lambda).await;
            work.len() == 1 && work[0]["Deliver"]["tries"] == tries
        };
        lambda.until("a record to be put off", is_so).await;
        lambda.clock.advance(Duration::from_secs(wait));
    }
    mailbox.until(1).await;
    until_done(&lambda).await;
    // What can't become better is given up.
    mailbox.refuse(Undelivered::NotFound(QUEUE.to_owned()));
    event(&lambda, "f", "1").await;
    lambda.until("a refusal", async || mailbox.refusals_left() == 0).await;
    until_done(&lambda).await;
    assert_eq!(mailbox.received().len(), 1);
}

#[tokio::test]
async fn a_record_too_large_is_not_sent_but_its_dead_letter_is() {
    let (lambda, _, mailbox) = platform().await;
    let config =
        json!({ "MaximumRetryAttempts": 0, "DestinationConfig": { "OnFailure": { "Destination": QUEUE } } });
    set(&lambda, config).await.ok();
    let dead_letters = json!({ "DeadLetterConfig": { "TargetArn": format!("{QUEUE}-dead") } });
    lambda.call("PUT", "/2015-03-31/functions/f/configuration", &dead_letters).await.ok();
    lambda.settled("f").await;
    let payload = format!("\"fail{}\"", "x".repeat(1024 * 1024 - 6));
    event(&lambda, "f", &payload).await;
    until_done(&lambda).await;
    let received = mailbox.received();
    assert_eq!((received.len(), &received[0].payload[..]), (1, payload.as_bytes()));
}

#[tokio::test]
async fn throttled_events_back_off_and_run_later() {
    let (lambda, _, _) = platform_with(|options| Options { concurrency_max: 1, ..options }).await;
    lambda.function("held", "held").await;
    let (held, ()) = tokio::join!(lambda.invoke("held", "1"), async {
        lambda.sandboxes.until(Event::Works(1)).await;
        event(&lambda, "f", "1").await;
        until_event(&lambda, "back_offs", 1).await;
        lambda.clock.advance(Duration::from_secs(1));
        until_event(&lambda, "back_offs", 2).await;
        lambda.sandboxes.let_go_on(1);
    });
    held.is(200, "1");
    lambda.clock.advance(Duration::from_secs(2));
    until_done(&lambda).await;
}

#[tokio::test]
async fn what_a_stop_interrupted_runs_again() {
    let (lambda, calls, _) = platform().await;
    lambda.stop_jobs().await;
    let id = event(&lambda, "f", "1").await;
    lambda.start_jobs();
    until_done(&lambda).await;
    assert_eq!(calls.all()[0].0, id);
    lambda.function("held", "held").await;
    event(&lambda, "held", "1").await;
    lambda.sandboxes.until(Event::Works(2)).await;
    lambda.stop_jobs().await;
    assert_eq!(lambda.rows(WORK).await, 1, "it is as if it had not begun");
    lambda.start_jobs();
    lambda.sandboxes.let_go_on(2);
    until_done(&lambda).await;
}

#[tokio::test]
async fn an_expired_event_does_not_run() {
    let (lambda, calls, mailbox) = platform().await;
    let config = json!({
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": { "OnFailure": { "Destination": QUEUE } },
    });
    set(&lambda, config).await.ok();
    lambda.stop_jobs().await;
    event(&lambda, "f", "1").await;
    lambda.clock.advance(Duration::from_secs(60));
    lambda.start_jobs();
    let received = mailbox.until(1).await;
    let record = serde_json::from_slice::<Json>(&received[0].payload).expect("JSON");
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["responseContext"], Json::Null);
    until_done(&lambda).await;
    assert_eq!(calls.all().len(), 0);
}

#[tokio::test]
async fn events_of_a_function_that_is_gone_go_too() {
    let (lambda, calls, _) = platform().await;
    lambda.stop_jobs().await;
    event(&lambda, "f", "1").await;
    lambda.call("DELETE", "/2015-03-31/functions/f", &Json::Null).await.is(204, "");
    lambda.start_jobs();
    until_done(&lambda).await;
    assert_eq!(calls.all().len(), 0);
}

#[tokio::test]
async fn an_alias_keeps_its_name_and_its_own_settings() {
    let (lambda, calls, mailbox) = platform().await;
    lambda.call("POST", "/2015-03-31/functions/f/versions", &json!({})).await.ok();
    let alias = json!({ "Name": "live", "FunctionVersion": "1" });
    lambda.call("POST", "/2015-03-31/functions/f/aliases", &alias).await.ok();
    let config = json!({
        "MaximumRetryAttempts": 0,
        "DestinationConfig": { "OnFailure": { "Destination": QUEUE } },
    });
    let path = "/2019-09-25/functions/f/event-invoke-config?Qualifier=live";
    lambda.call("PUT", path, &config).await.ok();
    event(&lambda, "f?Qualifier=live", "\"fail\"").await;
    let received = mailbox.until(1).await;
    let record = serde_json::from_slice::<Json>(&received[0].payload).expect("JSON");
    assert_eq!(record["requestContext"]["functionArn"], format!("{ARN}:live"));
    assert_eq!(record["responseContext"]["executedVersion"], "1");
    assert_eq!(calls.all().len(), 1);
}

#[tokio::test]
async fn a_loop_is_stopped_unless_it_is_allowed() {
    let (lambda, calls, mailbox) = platform().await;
    set(&lambda, json!({ "DestinationConfig": { "OnFailure": { "Destination": QUEUE } } })).await.ok();
    let mut trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0".to_owned();
    for pass in 1..=16 {
        lambda.invoke_with("f", &[("x-amzn-trace-id", &*trace)], "1").await.is(200, "[1]");
        // As SDKs send it on.
        trace = calls.all()[pass - 1].2.replace('|', "%7C");
        assert!(trace.ends_with(&format!(":{pass}")) && trace.starts_with("Root=1-5759e988-"), "{trace}");
    }
    let message = "Lambda has detected your function being invoked in a recursive loop with other AWS resources and \
                   stopped your function's invocation.";
    let refused = lambda.invoke_with("f", &[("x-amzn-trace-id", &*trace)], "1").await;
    refused.refuses(400, "RecursiveInvocationException", message);
    let headers = [("x-amzn-trace-id", &*trace), ("x-amz-invocation-type", "Event")];
    lambda.invoke_with("f", &headers, "1").await.is(202, "");
    let received = mailbox.until(1).await;
    let record = serde_json::from_slice::<Json>(&received[0].payload).expect("JSON");
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    until_done(&lambda).await;
    assert_eq!(calls.all().len(), 16);
    let path = "/2024-08-31/functions/f/recursion-config";
    lambda.call("PUT", path, &json!({ "RecursiveLoop": "Allow" })).await.ok();
    lambda.invoke_with("f", &[("x-amzn-trace-id", &*trace)], "1").await.is(200, "[1]");
}
