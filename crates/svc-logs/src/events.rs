//! Reading events: bounds of a page, and the tokens that lead to the next one.

use api_logs::errors;
use aws_wire::{AwsError, Result};
use kv::{Direction, Read, Span};

use crate::keys::{EVENTS, Event, Id};

/// Events in one answer, and their bytes.
pub(crate) const EVENTS_MAX: usize = 10_000;
pub(crate) const BYTES_MAX: usize = 1024 * 1024;
/// CloudWatch Logs counts each event so many bytes larger than its text.
pub(crate) const OVERHEAD_BYTES: usize = 26;
/// Events read from the store at once.
const PAGE: usize = 500;

/// Where an event stands in its stream.
pub(crate) type Position = (i64, u64);
/// Before every event.
pub(crate) const START: Position = (i64::MIN, 0);
/// After every event.
pub(crate) const END: Position = (i64::MAX, u64::MAX);

/// 56 digits, unlike any other event's: time, stream, position.
pub(crate) fn event_id((at, position): Position, stream: Id) -> String {
    let of_stream = u64::from_be_bytes(*stream.first_chunk().expect("an id has sixteen bytes"));
    format!("{at:016}{of_stream:020}{position:020}")
}

/// The position right after this one.
pub(crate) fn successor((at, number): Position) -> Position {
    number.checked_add(1).map_or((at.saturating_add(1), 0), |number| (at, number))
}

/// Events of one stream in one direction, read page by page as they are asked for.
pub(crate) struct Cursor<'r, R> {
    reader: &'r R,
    stream: Id,
    /// Both bounds are left out.
    after: Position,
    before: Position,
    direction: Direction,
    page: std::vec::IntoIter<(Position, Event)>,
    exhausted: bool,
}

impl<'r, R: Read> Cursor<'r, R> {
    pub(crate) fn new(
        reader: &'r R,
        stream: Id,
        after: Position,
        before: Position,
        direction: Direction,
    ) -> Self {
        Self { reader, stream, after, before, direction, page: Vec::new().into_iter(), exhausted: false }
    }

    pub(crate) fn next(&mut self) -> Result<Option<(Position, Event)>> {
        if self.page.len() == 0 && !self.exhausted {
            self.read_page()?;
        }
        Ok(self.page.next())
    }

    fn read_page(&mut self) -> Result<()> {
        let (after, before) = (self.after, self.before);
        let span = Span::prefix(&(self.stream,)).after(&(self.stream, after.0, after.1)).before(&(
            self.stream,
            before.0,
            before.1,
        ));
        let rows = EVENTS.scan(self.reader, &span, PAGE, self.direction)?;
        self.exhausted = rows.len() < PAGE;
        let rows =
            rows.into_iter().map(|((_, at, position), event)| ((at, position), event)).collect::<Vec<_>>();
        if let Some((last, _)) = rows.last() {
            match self.direction {
                Direction::Forward => self.after = *last,
                Direction::Reverse => self.before = *last,
            }
        }
        self.page = rows.into_iter();
        Ok(())
    }
}

/// What still fits into an answer.
pub(crate) struct Room {
    events: usize,
    bytes: usize,
}

impl Room {
    /// # Errors
    /// Never for limits that the model's constraints let pass.
    pub(crate) fn new(limit: Option<i32>) -> Self {
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(EVENTS_MAX);
        Self { events: limit.min(EVENTS_MAX), bytes: BYTES_MAX }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.events == 0
    }

    /// Takes an event in; `false` when it does not fit any more.
    pub(crate) fn take(&mut self, event: &Event) -> bool {
        let bytes = event.message.len() + OVERHEAD_BYTES;
        if self.events == 0 || bytes > self.bytes {
            self.events = 0;
            return false;
        }
        self.events -= 1;
        self.bytes -= bytes;
        true
    }
}

pub(crate) fn write_token(kind: &str, position: Position) -> String {
    format!("{kind}/{}/{}", position.0, position.1)
}

/// # Errors
/// 400 `InvalidParameterException` for what is no token of ours.
pub(crate) fn read_token(token: &str) -> Result<(&str, Position)> {
    let mut parts = token.split('/');
    let read = (|| {
        let kind = parts.next()?;
        let position = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        parts.next().is_none().then_some((kind, position))
    })();
    read.ok_or_else(invalid_token)
}

pub(crate) fn invalid_token() -> AwsError {
    errors::invalid_parameter_exception("The specified nextToken is invalid.")
}

/// The first position at or after a time; `startTime` is included.
pub(crate) fn from_time(start_ms: Option<i64>) -> Position {
    start_ms.map_or(START, |ms| (ms.saturating_sub(1), u64::MAX))
}

/// The position before which a time's events end; `endTime` is left out.
pub(crate) fn to_time(end_ms: Option<i64>) -> Position {
    end_ms.map_or(END, |ms| (ms, 0))
}
