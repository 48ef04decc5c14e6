//! Sending events to a pipe's target.

use std::collections::BTreeMap;

use api_events::{PutEventsInput, PutEventsRequestEntry};
use api_lambda::{InvocationType, InvokeInput};
use api_logs::{CreateLogStreamInput, InputLogEvent, PutLogEventsInput};
use aws_wire::schema::TimestampFormat;
use aws_wire::timestamp;
use bytes::Bytes;
use env::Timestamp;
use event_sources::{Handler as _, Outcome};
use serde_json::Value as Json;
use service::{Ctx, Delivery, InOrder, TargetArn};

use crate::event::Event;
use crate::run::{Halt, Run};
use crate::target::{BusEvent, Log};

/// Events that a call of EventBridge takes.
const PER_CALL: usize = 10;
/// Where lines go of which nobody says.
const LOG_STREAM: &str = "pipes";

/// Sends all of them, or says from which one on it did not.
///
/// # Errors
/// When none was sent.
pub(crate) async fn send(run: &Run, cx: &Ctx, events: &[Event]) -> Result<Outcome, Halt> {
    let (target, known) = (&run.pipe.target, run.known());
    let template = target.template.as_deref();
    let Some(arn) = TargetArn::parse(&target.arn) else { return Err(Halt::Failed) };
    if arn.service() == "lambda" {
        return invoke(run, cx, run.list(events, template)).await;
    }
    let texts = events.iter().map(|event| event.text(template, &known)).collect::<Vec<_>>();
    match arn.service() {
        "events" => put_events(run, cx, &arn, events, texts).await,
        "logs" => write_log(run, cx, &arn, events, texts).await,
        _ => deliver(run, cx, &arn, events, texts).await,
    }
}

async fn invoke(run: &Run, cx: &Ctx, event: String) -> Result<Outcome, Halt> {
    let arn = &run.pipe.target.arn;
    if !run.pipe.target.waits {
        let input = InvokeInput {
            function_name: arn.clone(),
            invocation_type: Some(InvocationType::Event),
            payload: Some(event.into()),
            ..InvokeInput::default()
        };
        return match cx.call(input).await {
            Ok(_) => Ok(Outcome::Partly(Vec::new())),
            Err(error) => Err(run.not_invoked(arn, &error)),
        };
    }
    let payload = run.invoke(cx, arn, event).await?;
    // A function says what failed as one of a mapping does; any other answer says that nothing did.
    let says =
        serde_json::from_slice::<Json>(&payload).is_ok_and(|answer| answer["batchItemFailures"].is_array());
    let payload = if says { payload } else { Bytes::new() };
    Ok(Outcome::Answered { payload, executed_version: None })
}

/// What is left to do from the event at this place on.
fn stopped_at(place: usize, count: usize, is_moment: bool) -> Result<Outcome, Halt> {
    match (place, is_moment) {
        (0, true) => Err(Halt::NotRun),
        (0, false) => Err(Halt::Failed),
        (place, _) => Ok(Outcome::Partly((place..count).collect())),
    }
}

/// One after the other, so that order is kept.
async fn deliver(
    run: &Run,
    cx: &Ctx,
    arn: &TargetArn,
    events: &[Event],
    texts: Vec<String>,
) -> Result<Outcome, Halt> {
    let target = &run.pipe.target;
    for (place, (event, text)) in events.iter().zip(texts).enumerate() {
        let group = target.partition_key.as_ref().or(target.group.as_ref());
        let in_order = match group.map(|given| event.parameter(given)) {
            // What the event lacks can't be sent, now or later.
            Some(None) => return stopped_at(place, events.len(), false),
            Some(Some(group)) => {
                let given = target.deduplication.as_ref().and_then(|given| event.parameter(given));
                Some(InOrder { group, deduplication: given.unwrap_or_else(|| own_id(cx, event)) })
            }
            None => None,
        };
        let delivery = Delivery {
            target: arn.clone(),
            payload: text.into(),
            sender: run.sender(),
            attributes: BTreeMap::new(),
            in_order,
            bus: None,
            object_key: None,
            trace: cx.trace.as_ref().map(ToString::to_string),
        };
        if let Err(error) = cx.deliver(delivery).await {
            tracing::warn!(%error, pipe = run.arn, "a pipe's target did not take an event");
            return stopped_at(place, events.len(), error.is_worth_another_try());
        }
    }
    Ok(Outcome::Partly(Vec::new()))
}

/// What tells a record from others, so that one that is sent again is told from a new one.
fn own_id(cx: &Ctx, event: &Event) -> String {
    let of = |name: &str| event.came[name].as_str().map(|id| id.replace(':', "-"));
    of("messageId").or_else(|| of("eventID")).unwrap_or_else(|| cx.env.uuid().to_string())
}

async fn put_events(
    run: &Run,
    cx: &Ctx,
    arn: &TargetArn,
    events: &[Event],
    texts: Vec<String>,
) -> Result<Outcome, Halt> {
    let none = BusEvent::default();
    let told = run.pipe.target.event.as_ref().unwrap_or(&none);
    let given =
        |event: &Event, given: &Option<String>| given.as_ref().and_then(|given| event.parameter(given));
    let entries = events.iter().zip(texts).map(|(event, detail)| PutEventsRequestEntry {
        time: given(event, &told.time).and_then(|text| moment(&text)),
        // These defaults are AWS's, as events in public show.
        source: Some(given(event, &told.source).unwrap_or_else(|| format!("Pipe {}", run.name))),
        detail_type: Some(
            given(event, &told.detail_type).unwrap_or_else(|| format!("Event from {}", run.event_source())),
        ),
        resources: told
            .resources
            .as_ref()
            .map(|resources| resources.iter().filter_map(|given| event.parameter(given)).collect()),
        detail: Some(detail),
        event_bus_name: Some(arn.to_string()),
        trace_header: cx.trace.as_ref().map(ToString::to_string),
    });
    let entries = entries.collect::<Vec<_>>();
    for (number, entries) in entries.chunks(PER_CALL).enumerate() {
        let first = number * PER_CALL;
        let answer = match cx.call(PutEventsInput { entries: entries.to_vec(), endpoint_id: None }).await {
            Ok(answer) => answer.entries.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, pipe = run.arn, "a pipe's bus did not take events");
                return stopped_at(first, events.len(), error.status >= 500);
            }
        };
        if let Some(place) = answer.iter().position(|entry| entry.error_code.is_some()) {
            let code = answer[place].error_code.as_deref().unwrap_or_default();
            tracing::warn!(code, pipe = run.arn, "a pipe's bus did not take an event");
            return stopped_at(
                first + place,
                events.len(),
                matches!(code, "InternalFailure" | "ThrottlingException"),
            );
        }
    }
    Ok(Outcome::Partly(Vec::new()))
}

/// A moment as text, or in seconds or milliseconds since the epoch.
fn moment(text: &str) -> Option<Timestamp> {
    let number = text.parse::<f64>().ok().map(|number| if number >= 1e11 { number / 1000.0 } else { number });
    number
        .and_then(timestamp::from_epoch_seconds)
        .or_else(|| timestamp::parse(text, TimestampFormat::Iso8601))
}

async fn write_log(
    run: &Run,
    cx: &Ctx,
    arn: &TargetArn,
    events: &[Event],
    texts: Vec<String>,
) -> Result<Outcome, Halt> {
    let none = Log::default();
    let log = run.pipe.target.log.as_ref().unwrap_or(&none);
    let group =
        arn.resource().strip_prefix("log-group:").unwrap_or_default().trim_end_matches(":*").to_owned();
    let (count, now) = (events.len(), cx.env.now().as_millis());
    for (place, (event, message)) in events.iter().zip(texts).enumerate() {
        let stream = log.stream.as_ref().map_or(Some(LOG_STREAM.to_owned()), |given| event.parameter(given));
        let Some(stream) = stream else { return stopped_at(place, count, false) };
        let at = log.timestamp.as_ref().and_then(|given| event.parameter(given));
        let at = at.and_then(|text| moment(&text)).map_or(now, Timestamp::as_millis);
        let put = PutLogEventsInput {
            log_group_name: group.clone(),
            log_stream_name: stream.clone(),
            log_events: vec![InputLogEvent { timestamp: at, message }],
            ..PutLogEventsInput::default()
        };
        let create = CreateLogStreamInput { log_group_name: group.clone(), log_stream_name: stream };
        let written = match cx.call(create).await {
            Err(error) if error.code != "ResourceAlreadyExistsException" => Err(error),
            _ => cx.call(put).await.map(drop),
        };
        if let Err(error) = written {
            tracing::warn!(%error, pipe = run.arn, "a pipe's log group did not take a line");
            return stopped_at(place, count, error.status >= 500);
        }
    }
    Ok(Outcome::Partly(Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let expected = Some(Timestamp::from_millis(1_795_428_672_345));
        for text in ["1795428672.345", "1795428672345", "2026-11-23T10:11:12.345Z"] {
            assert_eq!(moment(text), expected, "{text}");
        }
        assert_eq!(moment("soon"), None);
    }
}
