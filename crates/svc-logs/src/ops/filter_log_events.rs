//! `FilterLogEvents`: the events of many streams of a group in order of time, those that match.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use api_logs::{FilterLogEventsInput, FilterLogEventsOutput, FilteredLogEvent, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Snapshot};

use crate::events::{
    Cursor, Position, Room, event_id, from_time, invalid_token, read_token, to_time, write_token,
};
use crate::keys::{Event, Id};
use crate::pattern::Pattern;
use crate::stream::Stream;
use crate::{Ctx, group, stream};

/// Events looked at for one answer; a token goes on from there, as on AWS.
const EXAMINED_MAX: usize = 100_000;

pub(crate) async fn filter_log_events(cx: Ctx, input: FilterLogEventsInput) -> Result<FilterLogEventsOutput> {
    let name = group::named(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    if input.start_from_head == Some(false) {
        return Err(AwsError::parameter_not_implemented("FilterLogEvents", "startFromHead false"));
    }
    if input.log_stream_names.is_some() && input.log_stream_name_prefix.is_some() {
        return Err(errors::invalid_parameter_exception(
            "Both logStreamNames and logStreamNamePrefix cannot be specified.",
        ));
    }
    let pattern = Pattern::parse(input.filter_pattern.as_deref().unwrap_or_default())?;
    let snapshot = cx.kv.snapshot().await?;
    let group = group::find(&snapshot, &group::key(&cx, &name))?;
    let streams = chosen(&snapshot, group.id, &input)?;
    let resumed = input.next_token.as_deref().map(read_resume).transpose()?;
    let mut merge = Merge::new(&snapshot, &streams, &input, resumed.as_ref())?;
    let (mut room, mut examined, mut events) = (Room::new(input.limit), 0, Vec::new());
    let mut next_token = None;
    let mut last = None;
    while let Some((position, index, event)) = merge.next()? {
        let matched = pattern.matches(&event.message);
        if examined == EXAMINED_MAX || room.is_full() || (matched && !room.take(&event)) {
            next_token = last;
            break;
        }
        examined += 1;
        let (name, stream) = &streams[index];
        last = Some(write_resume(position, name));
        if matched {
            events.push(show(position, name, stream.id, event));
        }
    }
    Ok(FilterLogEventsOutput { events: Some(events), searched_log_streams: Some(Vec::new()), next_token })
}

fn chosen(snapshot: &Snapshot, group: Id, input: &FilterLogEventsInput) -> Result<Vec<(String, Stream)>> {
    let streams = match &input.log_stream_names {
        Some(names) => names
            .iter()
            .map(|name| Ok((name.clone(), stream::find(snapshot, group, name)?)))
            .collect::<Result<Vec<_>>>()?,
        None => stream::all(snapshot, group, input.log_stream_name_prefix.as_deref().unwrap_or_default())?,
    };
    let mut streams = streams.into_iter().filter(|(_, stream)| {
        let (first, last) = (stream.first_event_ms, stream.last_event_ms);
        let begins = input.start_time.is_none_or(|start| last.is_some_and(|last| last >= start));
        let ends = input.end_time.is_none_or(|end| first.is_some_and(|first| first <= end));
        last.is_some() && begins && ends
    });
    let mut streams = streams.by_ref().collect::<Vec<_>>();
    streams.sort_by(|(a, _), (b, _)| a.cmp(b));
    streams.dedup_by(|(a, _), (b, _)| a == b);
    Ok(streams)
}

/// The last event of the page before: its position and its stream's name.
type Resume = (Position, String);

fn write_resume(position: Position, name: &str) -> String {
    format!("{}|{name}", write_token("r", position))
}

fn read_resume(token: &str) -> Result<Resume> {
    let (position, name) = token.split_once('|').ok_or_else(invalid_token)?;
    match read_token(position)? {
        ("r", position) => Ok((position, name.to_owned())),
        _ => Err(invalid_token()),
    }
}

/// Many streams as one, in order of time, then of the streams' names, then of position.
struct Merge<'r> {
    cursors: Vec<Cursor<'r, Snapshot>>,
    heads: BinaryHeap<Reverse<(i64, usize, u64)>>,
    events: Vec<Option<Event>>,
}

impl<'r> Merge<'r> {
    fn new(
        snapshot: &'r Snapshot,
        streams: &[(String, Stream)],
        input: &FilterLogEventsInput,
        resumed: Option<&Resume>,
    ) -> Result<Self> {
        // Unlike GetLogEvents', this `endTime` is included: "events with a timestamp later than this are not returned".
        let before = to_time(input.end_time.map(|end| end.saturating_add(1)));
        let cursors = streams.iter().map(|(name, stream)| {
            let start = from_time(input.start_time);
            let after = resumed.map_or(start, |((at, position), last)| {
                // Streams whose names come before have given all of that moment; those after, none of it.
                start.max(match name.cmp(last) {
                    std::cmp::Ordering::Less => (*at, u64::MAX),
                    std::cmp::Ordering::Equal => (*at, *position),
                    std::cmp::Ordering::Greater => (at.saturating_sub(1), u64::MAX),
                })
            });
            Cursor::new(snapshot, stream.id, after, before, Direction::Forward)
        });
        let cursors = cursors.collect::<Vec<_>>();
        let events = cursors.iter().map(|_| None).collect();
        let mut merge = Self { cursors, heads: BinaryHeap::new(), events };
        for index in 0..merge.cursors.len() {
            merge.advance(index)?;
        }
        Ok(merge)
    }

    fn advance(&mut self, index: usize) -> Result<()> {
        if let Some(((at, position), event)) = self.cursors[index].next()? {
            self.heads.push(Reverse((at, index, position)));
            self.events[index] = Some(event);
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<(Position, usize, Event)>> {
        let Some(Reverse((at, index, position))) = self.heads.pop() else { return Ok(None) };
        let event = self.events[index].take().expect("a head has its event");
        self.advance(index)?;
        Ok(Some(((at, position), index, event)))
    }
}

fn show(position: Position, name: &str, stream: Id, event: Event) -> FilteredLogEvent {
    FilteredLogEvent {
        log_stream_name: Some(name.to_owned()),
        timestamp: Some(position.0),
        event_id: Some(event_id(position, stream)),
        message: Some(event.message),
        ingestion_time: Some(event.ingested_ms),
    }
}
