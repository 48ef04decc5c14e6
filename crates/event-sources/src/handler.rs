//! Who is handed what was read: a function, by a mapping, or whatever else a poller is begun for.

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use service::Sender;

use crate::BoxFuture;
use crate::failure::GivenUp;

/// A batch may have this many bytes of JSON, and a function's answer too.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// How most events begin and end.
pub(crate) const OPENING: &str = "{\"Records\":[";
pub(crate) const CLOSING: &str = "]}";

/// Records to be handled at once.
pub struct Batch<'a> {
    /// What a function's event has before its records.
    pub opening: &'a str,
    /// Each is JSON, in the order of the source.
    pub records: Vec<&'a str>,
    /// What a function's event has after its records.
    pub closing: &'a str,
    /// The records' own trace, if they have one.
    pub trace: Option<&'a str>,
}

impl Batch<'_> {
    /// As a function is to see it, JSON.
    pub(crate) fn event(&self) -> String {
        format!("{}{}{}", self.opening, self.records.join(","), self.closing)
    }
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

    /// Its source can't be read for this reason, or can be again.
    fn reading(&self, _problem: Option<&'static str>) {}

    /// On whose behalf it is told what was given up.
    fn sender(&self) -> Sender;

    /// What a failure's record says of the handler and its last try.
    fn context(&self, given_up: &GivenUp<'_>) -> Map<String, Json>;
}
