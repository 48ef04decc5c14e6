//! What an engine promises: consistent views and conditional, durable, all-or-nothing commits.

use std::future::Future;
use std::ops::Bound;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Error, Result, Watches};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key and its value.
pub type Row = (Bytes, Bytes);

/// A store of ordered keys. Every committed transaction is as if it ran alone, in the order of commits.
pub trait Engine: Send + Sync + 'static {
    /// A view of everything committed so far: whatever `commit` acknowledged before this call is in it.
    fn view(&self) -> BoxFuture<'_, Result<Arc<dyn View>>>;

    /// Writes all of `commit` or nothing. Resolves once the writes are durable and in every later view, or with
    /// [`CommitError::Conflict`] when something in its read set was written after its view was taken (an
    /// engine may also report a conflict where there is none). A commit that read nothing never conflicts.
    ///
    /// [`crate::Kv`] keeps the view until this resolves. Dropping the future leaves open whether the commit happens.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>>;

    /// Where the engine tells of committed writes, after they are in every later view.
    fn watches(&self) -> &Watches;
}

/// A point-in-time view, unaffected by later commits. Reads may block the calling thread for the time of a
/// disk read; an engine that must wait for a network tells its runtime so (`block_in_place`).
pub trait View: Send + Sync {
    /// Orders views against commits; only the engine that made it can interpret it.
    fn version(&self) -> u64;

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The first `limit` rows of `range` in key order, or the last ones in reverse order. The range
    /// is not empty.
    fn scan(&self, range: &KeyRange, limit: usize, direction: Direction) -> Result<Vec<Row>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Reverse,
}

/// Keys from `start` (included) to `end` (excluded; `None` is the end of all keys).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    pub start: Bytes,
    pub end: Option<Bytes>,
}

impl KeyRange {
    pub fn all() -> Self {
        Self { start: Bytes::new(), end: None }
    }

    pub fn between(start: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self { start: start.into(), end: Some(end.into()) }
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start = prefix.into();
        // The end is the prefix with its last byte below 0xff raised, and what follows that byte cut off.
        let end = start.iter().rposition(|byte| *byte != 0xff).map(|at| {
            let mut end = start[..=at].to_vec();
            end[at] += 1;
            Bytes::from(end)
        });
        Self { start, end }
    }

    /// For the standard collections, which want a range that is not empty.
    pub fn bounds(&self) -> (Bound<&Bytes>, Bound<&Bytes>) {
        (Bound::Included(&self.start), self.end.as_ref().map_or(Bound::Unbounded, Bound::Excluded))
    }

    pub fn contains(&self, key: &[u8]) -> bool {
        self.start <= key && self.end.as_ref().is_none_or(|end| key < end)
    }

    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// Everything that a transaction's result depends on.
#[derive(Clone, Debug, Default)]
pub struct ReadSet {
    pub keys: Vec<Bytes>,
    pub ranges: Vec<KeyRange>,
}

impl ReadSet {
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ranges.is_empty()
    }
}

/// A new value for a key, or `None` to delete it.
pub type Write = (Bytes, Option<Bytes>);

/// A transaction ready to be decided.
#[derive(Clone, Debug)]
pub struct Commit {
    /// [`View::version`] of the view it read from.
    pub version: u64,
    pub reads: ReadSet,
    /// Each key at most once, in key order.
    pub writes: Vec<Write>,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum CommitError {
    #[error("a concurrent transaction wrote what this one read")]
    Conflict,
    #[error(transparent)]
    Failed(#[from] Error),
}
