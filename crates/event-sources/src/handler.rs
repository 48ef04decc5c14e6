//! Who is handed what was read: a function, by a mapping, or whatever else a poller is begun for.

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use service::Sender;

use crate::BoxFuture;
use crate::failure::GivenUp;

/// A batch may have this many bytes of JSON, and a function's answer too.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Records to be handled at once.
pub struct Batch<'a> {
    /// Each is JSON, in the order of the source.
    pub records: Vec<&'a str>,
    /// Members of a tumbling window's event beside its records, each with a comma before it.
    pub window: Option<String>,
    /// The records' own trace, if they have one.
    pub trace: Option<&'a str>,
}

/// One try to have a batch handled.
pub struct Invoked {
    pub request_id: String,
    pub outcome: Outcome,
}

#[derive(Debug)]
pub enum Outcome {
    /// A function's answer, which may say which records failed.
    Answered { payload: Bytes, executed_version: Option<String> },
    /// Handled but for the records at these places, in order.
    Partly(Vec<usize>),
    /// The function failed, or refused what it was sent.
    Failed { executed_version: Option<String> },
    /// It was not run; the same may work later.
    NotRun,
    /// It was not run, for the records come from itself by way of others.
    Recursive,
}

/// Handles batches.
pub trait Handler: Send + Sync {
    fn handle<'a>(&'a self, batch: &'a Batch<'a>) -> BoxFuture<'a, Invoked>;

    /// On whose behalf it is told what was given up.
    fn sender(&self) -> Sender;

    /// What a failure's record says of the handler and its last try.
    fn context(&self, given_up: &GivenUp<'_>) -> Map<String, Json>;
}
