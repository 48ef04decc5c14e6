//! A log stream.

use api_logs::errors;
use aws_wire::{AwsError, Result};
use kv::{Direction, Read, Span, StartsWith};
use serde::{Deserialize, Serialize};

use crate::keys::{Id, STREAMS};

/// Streams read from the store at once.
const PAGE: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub id: Id,
    /// Milliseconds since the epoch, like all its times.
    pub created_ms: i64,
    pub first_event_ms: Option<i64>,
    pub last_event_ms: Option<i64>,
    pub last_ingestion_ms: Option<i64>,
    pub stored_bytes: u64,
    /// The position of the next event.
    pub next: u64,
}

pub(crate) fn not_found() -> AwsError {
    errors::resource_not_found_exception("The specified log stream does not exist.")
}

/// # Errors
/// 400 `ResourceNotFoundException` without the stream.
pub(crate) fn find(reader: &impl Read, group: Id, name: &str) -> Result<Stream> {
    STREAMS.get(reader, &(group, name))?.ok_or_else(not_found)
}

/// A group's streams whose names begin with `prefix`, by name.
pub(crate) fn all(reader: &impl Read, group: Id, prefix: &str) -> Result<Vec<(String, Stream)>> {
    let mut streams = Vec::new();
    let mut span = Span::prefix(&(group, StartsWith(prefix)));
    loop {
        let page = STREAMS.scan(reader, &span, PAGE, Direction::Forward)?;
        let full = page.len() == PAGE;
        streams.extend(page.into_iter().map(|((_, name), stream)| (name, stream)));
        match streams.last() {
            Some((last, _)) if full => {
                span = Span::prefix(&(group, StartsWith(prefix))).after(&(group, last.as_str()))
            }
            _ => return Ok(streams),
        }
    }
}
