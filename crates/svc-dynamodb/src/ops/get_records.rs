//! `GetRecords`: the next records of a shard.

use api_dynamodbstreams::{
    GetRecordsInput, GetRecordsOutput, Identity, OperationType, Record, StreamRecord, errors,
};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{CHANGES, Change, Event, StreamRecord as Stored};
use crate::stream::{self, ITERATOR_MS, Iterator, KEPT_MS};
use crate::value;

const RECORDS_MAX: usize = 1000;
/// Bytes of an answer's records; the last one may go beyond.
const BYTES_MAX: usize = 1 << 20;
/// Records taken from the store at once.
const PAGE: usize = 100;

pub(crate) async fn get_records(cx: Ctx, input: GetRecordsInput) -> Result<GetRecordsOutput> {
    let iterator = Iterator::decode(&input.shard_iterator)?;
    let now_ms = cx.env.now().as_millis();
    if now_ms - iterator.made_ms > ITERATOR_MS {
        return Err(errors::expired_iterator_exception(
            "Iterator expired. The iterator was created more than 15 minutes ago.",
        ));
    }
    let key = stream::key_of(&cx, &iterator.stream)?;
    let stored = stream::find(&cx.kv.snapshot().await?, &key)?;
    // Asked before the store is read: all below it is in the snapshot that follows, or never comes.
    let decided = cx.state.sequences.decided_below(&cx, stored.id).await?;
    let snapshot = cx.kv.snapshot().await?;
    let stored = stream::find(&snapshot, &key).unwrap_or(stored);

    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(RECORDS_MAX);
    let oldest = now_ms - KEPT_MS;
    let (mut records, mut bytes, mut from) = (Vec::new(), 0, iterator.from);
    'pages: loop {
        let span = Span::prefix(&(stored.id,)).from(&(stored.id, from)).before(&(stored.id, decided));
        let rows = CHANGES.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let more = rows.len() == PAGE;
        for ((_, number), change) in rows {
            if records.len() == limit || bytes >= BYTES_MAX {
                break 'pages;
            }
            from = number + 1;
            if change.at >= oldest {
                bytes += change.size;
                records.push(record(&cx, &stored, number, change));
            }
        }
        if !more {
            break;
        }
    }
    let over = stored
        .closed
        .is_some_and(|(_, last)| from > last || decided > last && bytes < BYTES_MAX && records.len() < limit);
    let next = Iterator { stream: iterator.stream, from, made_ms: now_ms, exact: false };
    Ok(GetRecordsOutput { records: Some(records), next_shard_iterator: (!over).then(|| next.encode()) })
}

fn record(cx: &Ctx, stored: &Stored, number: u64, change: Change) -> Record {
    let time = change.time();
    let seconds = env::Timestamp::from_secs(time.as_secs());
    Record {
        event_id: Some(change.event_id),
        event_name: Some(match change.event {
            Event::Insert => OperationType::Insert,
            Event::Modify => OperationType::Modify,
            Event::Remove => OperationType::Remove,
        }),
        event_version: Some("1.1".to_owned()),
        event_source: Some("aws:dynamodb".to_owned()),
        aws_region: Some(cx.caller.region.to_string()),
        dynamodb: Some(StreamRecord {
            approximate_creation_date_time: Some(seconds),
            keys: Some(value::to_stream_wire(change.keys)),
            new_image: change.new.map(value::to_stream_wire),
            old_image: change.old.map(value::to_stream_wire),
            sequence_number: Some(stream::shown(number)),
            size_bytes: i64::try_from(change.size).ok(),
            stream_view_type: stored.view.parse().ok(),
        }),
        user_identity: change.expired.then(|| Identity {
            principal_id: Some("dynamodb.amazonaws.com".to_owned()),
            r#type: Some("Service".to_owned()),
        }),
    }
}
