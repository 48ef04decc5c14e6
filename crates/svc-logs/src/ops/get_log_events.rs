//! `GetLogEvents`: one stream's events, forwards or backwards; a token repeats at the end.

use api_logs::{GetLogEventsInput, GetLogEventsOutput, OutputLogEvent};
use aws_wire::Result;
use kv::Direction;

use crate::events::{Cursor, Room, from_time, invalid_token, read_token, successor, to_time, write_token};
use crate::{Ctx, group, stream};

pub(crate) async fn get_log_events(cx: Ctx, input: GetLogEventsInput) -> Result<GetLogEventsOutput> {
    let name = group::named(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let snapshot = cx.kv.snapshot().await?;
    let group = group::find(&snapshot, &group::key(&cx, &name))?;
    let stream = stream::find(&snapshot, group.id, &input.log_stream_name)?;
    let (mut after, mut before) = (from_time(input.start_time), to_time(input.end_time));
    let mut direction =
        if input.start_from_head == Some(true) { Direction::Forward } else { Direction::Reverse };
    let token = input.next_token.as_deref().map(read_token).transpose()?;
    match token {
        Some(("f", position)) => (direction, after) = (Direction::Forward, after.max(position)),
        Some(("b", position)) => (direction, before) = (Direction::Reverse, before.min(position)),
        Some(_) => return Err(invalid_token()),
        None => {}
    }
    let mut cursor = Cursor::new(&snapshot, stream.id, after, before, direction);
    let mut room = Room::new(input.limit);
    let mut page = Vec::new();
    while let Some((position, event)) = cursor.next()? {
        if !room.take(&event) {
            break;
        }
        page.push((position, event));
    }
    if direction == Direction::Reverse {
        page.reverse();
    }
    // Without events the token asked with repeats, and the other leads back over the same place: nothing at it is
    // left out. Forth from an empty stream leads to whatever arrives later.
    let (backward, forward) = match (page.first(), page.last(), direction) {
        (Some((first, _)), Some((last, _)), _) => (*first, *last),
        (.., Direction::Forward) => (successor(after), after),
        (.., Direction::Reverse) => (before, after),
    };
    let events = page.into_iter().map(|((at, _), event)| OutputLogEvent {
        timestamp: Some(at),
        message: Some(event.message),
        ingestion_time: Some(event.ingested_ms),
    });
    Ok(GetLogEventsOutput {
        events: Some(events.collect()),
        next_forward_token: Some(write_token("f", forward)),
        next_backward_token: Some(write_token("b", backward)),
    })
}
