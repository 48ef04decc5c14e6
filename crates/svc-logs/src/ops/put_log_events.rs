//! `PutLogEvents`: appends a batch to a stream, and notes what subscription filters want of it.

use api_logs::{InputLogEvent, PutLogEventsInput, PutLogEventsOutput, RejectedLogEventsInfo, errors};
use aws_wire::{AwsError, Result};

use crate::events::{BYTES_MAX, EVENTS_MAX, OVERHEAD_BYTES, event_id};
use crate::keys::{EVENTS, Event, Id, SHIPMENTS, STREAMS};
use crate::pattern::Pattern;
use crate::subscription::{Filter, Sent, Shipment};
use crate::{Ctx, group, stream};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Older events are rejected one by one, with the others stored.
const AGE_MS_MAX: i64 = 14 * DAY_MS;
/// So far ahead of now an event may be.
const FUTURE_MS_MAX: i64 = 2 * 60 * 60 * 1000;

pub(crate) async fn put_log_events(cx: Ctx, input: PutLogEventsInput) -> Result<PutLogEventsOutput> {
    check(&input.log_events)?;
    let now = cx.env.now().as_millis();
    let too_old = input.log_events.partition_point(|event| event.timestamp < now - AGE_MS_MAX);
    let too_new = input.log_events.partition_point(|event| event.timestamp <= now + FUTURE_MS_MAX);
    let accepted = &input.log_events[too_old..too_new];
    let group_key = group::key(&cx, &input.log_group_name);

    // One for each of a group's filters.
    let rows = [cx.env.uuid().into_bytes(), cx.env.uuid().into_bytes()];
    let at = cx.env.now().as_micros();

    let (next, shipped) = cx
        .kv
        .transact(|tx| {
            let group = group::find(tx, &group_key)?;
            let mut stream = stream::find(tx, group.id, &input.log_stream_name)?;
            let first = stream.next;
            for event in accepted {
                let row = Event { message: event.message.clone(), ingested_ms: now };
                EVENTS.put(tx, &(stream.id, event.timestamp, stream.next), &row)?;
                stream.next += 1;
                stream.stored_bytes += (event.message.len() + OVERHEAD_BYTES) as u64;
                let at = event.timestamp;
                stream.first_event_ms = Some(stream.first_event_ms.map_or(at, |first| first.min(at)));
                stream.last_event_ms = Some(stream.last_event_ms.map_or(at, |last| last.max(at)));
                stream.last_ingestion_ms = Some(now);
            }
            STREAMS.put(tx, &(group.id, input.log_stream_name.as_str()), &stream)?;
            let events = || (first..).zip(accepted);
            let mut shipped = false;
            for (filter, row) in group.filters.iter().zip(rows) {
                let events = matching(filter, stream.id, events())?;
                if events.is_empty() {
                    continue;
                }
                let (account, region, group) = group_key.clone();
                let shipment = Shipment {
                    account,
                    region,
                    group,
                    stream: input.log_stream_name.clone(),
                    filter: filter.clone(),
                    events,
                    trace: cx.trace.as_deref().map(str::to_owned),
                    since_ms: now,
                    tries: 0,
                };
                SHIPMENTS.put(tx, &(at, row), &shipment)?;
                shipped = true;
            }
            Ok::<_, AwsError>((stream.next, shipped))
        })
        .await?;
    if shipped {
        cx.state.agenda.added(at);
    }

    let index = |index: usize| i32::try_from(index).ok();
    let all = input.log_events.len();
    let rejected = (too_old > 0 || too_new < all).then(|| RejectedLogEventsInfo {
        too_old_log_event_end_index: (too_old > 0).then(|| index(too_old)).flatten(),
        too_new_log_event_start_index: (too_new < all).then(|| index(too_new)).flatten(),
        expired_log_event_end_index: None,
    });
    Ok(PutLogEventsOutput {
        next_sequence_token: Some(format!("{next:056}")),
        rejected_log_events_info: rejected,
        rejected_entity_info: None,
    })
}

/// The events that a filter wants, of those with their positions in the stream.
fn matching<'e>(
    filter: &Filter,
    stream: Id,
    events: impl Iterator<Item = (u64, &'e InputLogEvent)>,
) -> Result<Vec<Sent>> {
    let pattern = Pattern::parse(&filter.pattern)?;
    let wanted = events.filter(|(_, event)| pattern.matches(&event.message));
    let sent = wanted.map(|(position, event)| Sent {
        id: event_id((event.timestamp, position), stream),
        timestamp: event.timestamp,
        message: event.message.clone(),
    });
    Ok(sent.collect())
}

fn check(events: &[InputLogEvent]) -> Result<()> {
    let refuse = |message: &str| Err(errors::invalid_parameter_exception(message));
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return refuse("Log events in a single PutLogEvents request must be in chronological order.");
    }
    let span = events.first().zip(events.last()).map_or(0, |(first, last)| last.timestamp - first.timestamp);
    if span > DAY_MS {
        return refuse(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        );
    }
    let bytes = events.iter().map(|event| event.message.len() + OVERHEAD_BYTES).sum::<usize>();
    if bytes > BYTES_MAX || events.len() > EVENTS_MAX {
        return refuse("Upload too large: at most 1048576 bytes and 10000 events");
    }
    Ok(())
}
