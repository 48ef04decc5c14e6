//! Where a store's index begins: a hint in memory, so that receiving never walks over what was deleted.
//!
//! An index is in order of the time at which its entries may be received. Everything below `head` is gone or claimed;
//! whoever commits an entry says so with [`Cursor::added`], which lowers the head and wakes those who wait. Whoever
//! receives claims entries, so that two never work on one; what is claimed in vain goes back. A stale claim is no
//! danger, only work in vain: the transaction that takes an entry looks whether it is there.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kv::{Kv, Result, Snapshot};
use tokio::sync::watch;

use crate::counts::Counts;
use crate::keys::Id;

/// Receivers whose locks are apart; see [`Cursor::lanes`].
const LANES: usize = 64;

/// An entry of an index: microseconds, and the rest of its key.
pub(crate) type Entry = (i64, Vec<u8>);

pub(crate) struct Cursor {
    /// Held by the one who reads the index.
    turn: tokio::sync::Mutex<()>,
    place: Mutex<Place>,
    arrivals: watch::Sender<()>,
    /// FIFO: writers to one group wait here instead of meeting conflicts.
    lanes: Vec<tokio::sync::Mutex<()>>,
    /// The last count, and when it was taken.
    counted: Mutex<Option<(Duration, Counts)>>,
}

struct Place {
    /// No entry that is not claimed is before this.
    head: i64,
    /// The earliest entry added since the read in progress began.
    added: i64,
    claimed: BTreeSet<Entry>,
}

/// Entries that nobody else will take while this lives.
pub(crate) struct Claim {
    cursor: Arc<Cursor>,
    pub(crate) entries: Vec<Entry>,
    /// How many of the first entries are dealt with; the others go back.
    done: usize,
}

impl Cursor {
    fn new() -> Self {
        Self {
            turn: tokio::sync::Mutex::new(()),
            place: Mutex::new(Place { head: i64::MIN, added: i64::MAX, claimed: BTreeSet::new() }),
            arrivals: watch::channel(()).0,
            lanes: (0..LANES).map(|_| tokio::sync::Mutex::new(())).collect(),
            counted: Mutex::default(),
        }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().expect("no panic while held")
    }

    /// An entry at this time was committed.
    pub(crate) fn added(&self, at: i64) {
        let mut place = self.place();
        place.added = place.added.min(at);
        if at < place.head {
            place.head = at;
            drop(place);
            self.arrivals.send_replace(());
        }
    }

    /// When the next entry may be received, as far as is known: never before it is so.
    pub(crate) fn head(&self) -> i64 {
        self.place().head
    }

    /// Wakes those who wait: the queue is not as it was.
    pub(crate) fn wake(&self) {
        self.arrivals.send_replace(());
    }

    /// Where counting may begin: what is claimed is still there.
    pub(crate) fn counting_from(&self) -> i64 {
        let place = self.place();
        place.claimed.first().map_or(place.head, |(at, _)| place.head.min(*at))
    }

    /// Wakes when an entry comes before all that are known.
    pub(crate) fn arrivals(&self) -> watch::Receiver<()> {
        self.arrivals.subscribe()
    }

    /// Claims up to `wanted` entries that are due. `read` gives entries from a time on, at most so many, in order.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        kv: &Kv,
        now: i64,
        wanted: usize,
        read: impl FnOnce(&Snapshot, i64, usize) -> Result<Vec<Entry>>,
    ) -> Result<Claim> {
        let mut claim = Claim { cursor: Arc::clone(self), entries: Vec::new(), done: 0 };
        let _turn = self.turn.lock().await;
        let (from, taken) = {
            let mut place = self.place();
            place.added = i64::MAX;
            (place.head, place.claimed.len())
        };
        if from > now {
            return Ok(claim);
        }
        let limit = wanted + taken + 1;
        let snapshot = kv.snapshot().await?;
        let entries = read(&snapshot, from, limit)?;
        let exhausted = entries.len() < limit;
        let last = entries.last().map_or(i64::MAX, |(at, _)| *at);
        let mut place = self.place();
        let mut head = if exhausted { i64::MAX } else { last };
        for entry in entries {
            if place.claimed.contains(&entry) {
                continue;
            }
            if entry.0 > now || claim.entries.len() == wanted {
                head = entry.0;
                break;
            }
            place.claimed.insert(entry.clone());
            claim.entries.push(entry);
        }
        place.head = head.min(place.added);
        Ok(claim)
    }

    /// Locks the groups' lanes, in an order that no two can be caught in.
    pub(crate) async fn lanes(
        &self,
        groups: impl Iterator<Item = &str>,
    ) -> Vec<tokio::sync::MutexGuard<'_, ()>> {
        let lane = |group: &str| {
            group.bytes().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)))
                % LANES
        };
        let lanes = groups.map(lane).collect::<BTreeSet<_>>();
        let mut held = Vec::with_capacity(lanes.len());
        for lane in lanes {
            held.push(self.lanes[lane].lock().await);
        }
        held
    }

    /// The last count, when it is no older than `age_max`.
    pub(crate) fn counted(&self, now: Duration, age_max: Duration) -> Option<Counts> {
        let counted = *self.counted.lock().expect("no panic while held");
        counted.filter(|(at, _)| now.saturating_sub(*at) <= age_max).map(|(_, counts)| counts)
    }

    pub(crate) fn count(&self, now: Duration, counts: Counts) {
        *self.counted.lock().expect("no panic while held") = Some((now, counts));
    }
}

impl Claim {
    /// The first `count` entries are dealt with: they are gone from where they were.
    pub(crate) fn settle(mut self, count: usize) {
        self.done = count;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut back = i64::MAX;
        let mut place = self.cursor.place();
        for (position, entry) in self.entries.iter().enumerate() {
            place.claimed.remove(entry);
            if position >= self.done {
                back = back.min(entry.0);
            }
        }
        drop(place);
        if back < i64::MAX {
            self.cursor.added(back);
        }
    }
}

/// The cursors of all stores in use.
#[derive(Default)]
pub(crate) struct Cursors(Mutex<HashMap<Id, Arc<Cursor>>>);

impl Cursors {
    pub(crate) fn of(&self, store: Id) -> Arc<Cursor> {
        let mut all = self.0.lock().expect("no panic while held");
        Arc::clone(all.entry(store).or_insert_with(|| Arc::new(Cursor::new())))
    }

    /// Forgets a store that is no more. Whoever still holds its cursor finds nothing.
    pub(crate) fn forget(&self, store: Id) {
        self.0.lock().expect("no panic while held").remove(&store);
    }
}
