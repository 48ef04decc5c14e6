//! Sequence numbers of streams, and the locks that keep writers of one item in line.
//!
//! Numbers are handed out in memory before the write that carries them is stored, so they may become visible out
//! of order; readers stop below the least number that is still on its way. See ADR 22.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use aws_wire::Result;
use kv::{Direction, Span};
use tokio::sync::OwnedMutexGuard;

use crate::Ctx;
use crate::keys::{CHANGES, CLAIMS, Id, PAST_TIMES, REPLICAS, RowKey, digest};

/// Locks that items share by their digest.
const LOCKS: usize = 1024;

/// The locks of items. Writers of one item wait here instead of meeting conflicts in the store.
pub(crate) struct Locks(Vec<Arc<tokio::sync::Mutex<()>>>);

impl Default for Locks {
    fn default() -> Self {
        Self((0..LOCKS).map(|_| Arc::default()).collect())
    }
}

impl Locks {
    /// Locks all of these items; always in one order, so that nobody waits in a circle.
    pub(crate) async fn hold(&self, items: impl Iterator<Item = &RowKey>) -> Vec<OwnedMutexGuard<()>> {
        let slots = items.map(|key| {
            let [first, second, ..] = digest(&key.0);
            usize::from(u16::from_be_bytes([first, second])) % LOCKS
        });
        let mut held = Vec::new();
        for slot in slots.collect::<BTreeSet<_>>() {
            held.push(Arc::clone(&self.0[slot]).lock_owned().await);
        }
        held
    }
}

/// The numbers of all streams.
#[derive(Clone, Default)]
pub(crate) struct Sequences(Arc<Mutex<HashMap<Id, Numbers>>>);

#[derive(Default)]
struct Numbers {
    last: u64,
    /// Handed out; whether they were written is not decided.
    open: BTreeSet<u64>,
}

/// Numbers of one write. Dropped when it is decided.
pub(crate) struct Reserved {
    sequences: Sequences,
    stream: Id,
    pub(crate) numbers: Vec<u64>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut streams = self.sequences.0.lock().expect("no panic while held");
        if let Some(numbers) = streams.get_mut(&self.stream) {
            for number in &self.numbers {
                numbers.open.remove(number);
            }
        }
    }
}

impl Sequences {
    /// Hands out `count` numbers above all others of the stream; they tell the time in microseconds.
    pub(crate) async fn reserve(&self, cx: &Ctx, stream: Id, count: usize) -> Result<Reserved> {
        self.know(cx, stream).await?;
        let now = u64::try_from(cx.env.now().as_micros()).unwrap_or(0);
        let mut streams = self.0.lock().expect("no panic while held");
        let numbers = streams.entry(stream).or_default();
        let first = now.max(numbers.last + 1);
        let given = (first..).take(count).collect::<Vec<_>>();
        numbers.last = given.last().copied().unwrap_or(numbers.last);
        numbers.open.extend(&given);
        Ok(Reserved { sequences: self.clone(), stream, numbers: given })
    }

    /// A number above all that were handed out, which no write has.
    pub(crate) async fn next(&self, cx: &Ctx, stream: Id) -> Result<u64> {
        let reserved = self.reserve(cx, stream, 1).await?;
        Ok(reserved.numbers.first().copied().unwrap_or(0))
    }

    /// All numbers below this are decided. To be asked before the store is read.
    pub(crate) async fn decided_below(&self, cx: &Ctx, stream: Id) -> Result<u64> {
        self.know(cx, stream).await?;
        let streams = self.0.lock().expect("no panic while held");
        let numbers = streams.get(&stream);
        Ok(numbers.map_or(0, |numbers| numbers.open.first().copied().unwrap_or(numbers.last + 1)))
    }

    /// The last number that was handed out.
    pub(crate) async fn last(&self, cx: &Ctx, stream: Id) -> Result<u64> {
        self.know(cx, stream).await?;
        let streams = self.0.lock().expect("no panic while held");
        Ok(streams.get(&stream).map_or(0, |numbers| numbers.last))
    }

    /// Finds where the stream's numbers ended before this process began.
    async fn know(&self, cx: &Ctx, stream: Id) -> Result<()> {
        if self.0.lock().expect("no panic while held").contains_key(&stream) {
            return Ok(());
        }
        let snapshot = cx.kv.snapshot().await?;
        let rows = CHANGES.scan(&snapshot, &Span::prefix(&(stream,)), 1, Direction::Reverse)?;
        let last = rows.first().map_or(0, |((_, number), _)| *number);
        let rows = REPLICAS.scan(&snapshot, &Span::prefix(&(stream,)), 1, Direction::Reverse)?;
        let last = rows.first().map_or(last, |((_, number), _)| last.max(*number));
        let rows = PAST_TIMES.scan(&snapshot, &Span::prefix(&(stream,)), 1, Direction::Reverse)?;
        let last = rows.first().map_or(last, |((_, number), _)| last.max(*number));
        // What is copied as of a number must not meet that number again, whatever the clock says. The claim on a table
        // that is gone has the last number of all.
        let claims = CLAIMS.all(&snapshot, &Span::prefix(&(stream,)))?;
        let claimed = claims.iter().map(|(_, claim)| claim.number).filter(|number| *number < u64::MAX);
        let last = claimed.fold(last, u64::max);
        // Whoever else looked meanwhile found the same: nobody has been given a number before this.
        let mut streams = self.0.lock().expect("no panic while held");
        streams.entry(stream).or_insert(Numbers { last, open: BTreeSet::new() });
        Ok(())
    }
}
