//! What destinations and dead-letter queues are sent, to the letter.

use env::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use service::TargetArn;

use crate::asynchronous::event::{Answer, Condition, Event, Parcel, ParcelKind, Plan};
use crate::function::FORMAT;
use crate::keys::FunctionKey;
use crate::name::LATEST;
use crate::trace::Trace;

/// A destination's record; the largest message of SQS and event of Lambda.
pub(crate) const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// How much of an error's message goes with a dead letter.
const ERROR_MESSAGE_BYTES_MAX: usize = 1024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: Box<RawValue>,
    /// Absent in substance when the function never ran.
    response_context: Option<ResponseContext<'a>>,
    response_payload: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: &'a str,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

/// What an event's end sends. A record may be larger than any target takes.
pub(crate) fn parcels(
    (account, region, name): &FunctionKey,
    event: &Event,
    plan: &Plan,
    condition: Condition,
    now: Timestamp,
) -> Vec<Parcel> {
    let function_arn = format!("arn:aws:lambda:{region}:{account}:function:{name}");
    let qualified_arn = format!("{function_arn}:{}", event.qualifier.as_deref().unwrap_or(LATEST));
    let trace = Trace::parse(&event.trace).map(|trace| trace.through(&function_arn)).unwrap_or_default();
    let parcel = |target: &String, kind: ParcelKind, body: String| Parcel {
        format: FORMAT,
        target: target.clone(),
        kind,
        request_id: event.request_id.clone(),
        function_arn: function_arn.clone(),
        qualified_arn: qualified_arn.clone(),
        role: plan.role.clone(),
        body,
        trace: trace.clone(),
        created_us: now.as_micros(),
        tries: 0,
    };
    let record = |target: &String, kind| parcel(target, kind, record(event, &qualified_arn, condition, now));
    if condition == Condition::Success {
        return plan.on_success.iter().map(|target| record(target, ParcelKind::OnSuccess)).collect();
    }
    let destination = plan.on_failure.iter().map(|target| record(target, ParcelKind::OnFailure));
    let dead_letter =
        plan.dead_letter.iter().map(|target| parcel(target, dead_letter(event), event.payload.clone()));
    destination.chain(dead_letter).collect()
}

/// Tells the records of one event apart.
pub(crate) fn name(kind: &ParcelKind) -> &'static str {
    match kind {
        ParcelKind::OnSuccess => "on-success",
        ParcelKind::OnFailure => "on-failure",
        ParcelKind::DeadLetter { .. } => "dead-letter",
    }
}

fn record(event: &Event, qualified_arn: &str, condition: Condition, now: Timestamp) -> String {
    let last = event.last.as_ref();
    let record = Record {
        version: "1.0",
        timestamp: iso8601(now),
        request_context: RequestContext {
            request_id: &event.request_id,
            function_arn: qualified_arn,
            condition: match condition {
                Condition::Success => "Success",
                Condition::RetriesExhausted => "RetriesExhausted",
                Condition::EventAgeExceeded => "EventAgeExceeded",
            },
            approximate_invoke_count: event.invokes,
        },
        request_payload: raw(&event.payload),
        response_context: last.map(|last| ResponseContext {
            status_code: 200,
            executed_version: &last.executed_version,
            function_error: last.failed.then_some("Unhandled"),
        }),
        response_payload: last.and_then(|last| last.payload.as_deref()).map(raw),
    };
    serde_json::to_string(&record).expect("text and numbers are JSON")
}

/// Text that is JSON as it stands; a custom runtime may answer what is none, which then is a string.
fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.trim().to_owned())
        .or_else(|_| serde_json::value::to_raw_value(text))
        .expect("text is a JSON string")
}

fn dead_letter(event: &Event) -> ParcelKind {
    let (error_code, mut error_message) = match &event.last {
        Some(answer) => (200, error_message(answer)),
        None => (429, "The function was not run.".to_owned()),
    };
    let end = error_message.floor_char_boundary(ERROR_MESSAGE_BYTES_MAX);
    error_message.truncate(end);
    ParcelKind::DeadLetter { error_code, error_message }
}

/// The error's own message, else all that the function answered.
fn error_message(answer: &Answer) -> String {
    let payload = answer.payload.as_deref().unwrap_or_default();
    let parsed = serde_json::from_str::<serde_json::Value>(payload).ok();
    let message = parsed.as_ref().and_then(|payload| payload["errorMessage"].as_str());
    message.unwrap_or(payload).to_owned()
}

/// `2026-11-23T10:00:00.000Z`
fn iso8601(at: Timestamp) -> String {
    let moment =
        time::OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let seconds = moment.format(format).expect("every component exists");
    format!("{seconds}.{:03}Z", at.as_millis().rem_euclid(1000))
}

/// Where the record of a failure lies in a bucket, such as `aws/lambda/async/NAME/2026/11/23/2026-11-23T10.00.00-UUID`
/// for what is `within` `async/NAME`. `None` where the target is no bucket.
pub fn object_key(target: &TargetArn, within: &str, id: &str, at: Timestamp) -> Option<String> {
    (target.service() == "s3").then(|| {
        let moment = iso8601(at);
        let (date, time) = (&moment[..10], moment[11..19].replace(':', "."));
        format!("aws/lambda/{within}/{}/{date}T{time}-{id}", date.replace('-', "/"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::asynchronous::event::tests::{event, plan};

    const AT: Timestamp = Timestamp::from_millis(1_795_428_672_345);

    fn key() -> FunctionKey {
        ("123456789012".to_owned(), "eu-west-1".to_owned(), "f".to_owned())
    }

    fn sent(event: &Event, plan: &Plan, condition: Condition) -> Vec<Parcel> {
        parcels(&key(), event, plan, condition, AT)
    }

    #[test]
    fn a_record_reads_as_awss() {
        let mut event = event();
        event.payload = "{ \"b\": 1, \"a\": 1.0 }".to_owned();
        event.invokes = 3;
        let payload = r#"{"errorMessage":"bad","errorType":"ValueError"}"#.to_owned();
        event.last =
            Some(Answer { executed_version: "$LATEST".to_owned(), failed: true, payload: Some(payload) });
        let plan = Plan { on_failure: Some("t".to_owned()), on_success: Some("s".to_owned()), ..plan() };
        let [parcel] = &sent(&event, &plan, Condition::RetriesExhausted)[..] else { panic!("one") };
        assert_eq!((parcel.target.as_str(), &parcel.kind), ("t", &ParcelKind::OnFailure));
        assert_eq!(
            parcel.body,
            r#"{"version":"1.0","timestamp":"2026-11-23T10:11:12.345Z","requestContext":{"requestId":"id","functionArn":"arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST","condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":{ "b": 1, "a": 1.0 },"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorMessage":"bad","errorType":"ValueError"}}"#
        );
        let [parcel] = &sent(&event, &plan, Condition::Success)[..] else { panic!("one") };
        assert_eq!((parcel.target.as_str(), &parcel.kind), ("s", &ParcelKind::OnSuccess));
    }

    #[test]
    fn a_function_that_never_ran_has_no_response() {
        let plan = Plan { on_failure: Some("t".to_owned()), ..plan() };
        let [parcel] = &sent(&event(), &plan, Condition::EventAgeExceeded)[..] else { panic!("one") };
        let body = serde_json::from_str::<serde_json::Value>(&parcel.body).expect("JSON");
        assert_eq!((&body["responseContext"], &body["responsePayload"]), (&json!(null), &json!(null)));
        assert_eq!(body["requestContext"]["condition"], "EventAgeExceeded");
    }

    #[test]
    fn a_dead_letter_is_the_event_with_its_error() {
        let mut event = event();
        let plan = Plan { dead_letter: Some("q".to_owned()), ..plan() };
        let check = |event: &Event, code: u16, message: &str| {
            let [parcel] = &sent(event, &plan, Condition::RetriesExhausted)[..] else { panic!("one") };
            let kind = ParcelKind::DeadLetter { error_code: code, error_message: message.to_owned() };
            assert_eq!((parcel.body.as_str(), &parcel.kind), ("{}", &kind));
        };
        check(&event, 429, "The function was not run.");
        let payload = json!({ "errorMessage": "é".repeat(1000) }).to_string();
        event.last = Some(Answer { executed_version: String::new(), failed: true, payload: Some(payload) });
        check(&event, 200, &"é".repeat(512));
    }

    #[test]
    fn what_is_no_json_is_a_string() {
        assert_eq!(raw("1 2").get(), r#""1 2""#);
        assert_eq!(raw(" [1] \n").get(), "[1]");
    }

    #[test]
    fn objects_lie_by_day() {
        let bucket = TargetArn::parse("arn:aws:s3:::b").expect("an ARN");
        let key = object_key(&bucket, "async/f", "id", AT);
        assert_eq!(key.as_deref(), Some("aws/lambda/async/f/2026/11/23/2026-11-23T10.11.12-id"));
    }
}
