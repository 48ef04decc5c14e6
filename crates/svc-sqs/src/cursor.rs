//! Where a store's index begins: a hint in memory, so that receiving never walks over what was deleted.
//!
//! An index is in order of the time at which its entries may be received. Everything below `head` is gone or claimed;
//! whoever commits an entry says so with [`Cursor::added`], which lowers the head and wakes those who wait. Whoever
//! receives claims entries, so that two never work on one; what is claimed in vain goes back. A stale claim is no
//! danger, only work in vain: the transaction that takes an entry looks whether it is there.
//!
//! What is in flight stands ahead of now, and what was deleted in flight leaves its mark there, which a scan walks over.
//! So nobody looks ahead: when something becomes visible is kept in memory, roughly, as [`Dues`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use env::{Listener, Signal};
use kv::{Kv, Result, Snapshot, Tx};

use crate::counts::Counts;
use crate::keys::Id;

/// Receivers whose locks are apart; see [`Cursor::lanes`].
const LANES: usize = 64;
/// Entries read at once when looking ahead.
const LOOK_AHEAD: usize = 5_000;

/// An entry of an index: microseconds, and the rest of its key.
pub(crate) type Entry = (i64, Vec<u8>);

pub(crate) struct Cursor {
    /// Held by the one who reads the index.
    turn: tokio::sync::Mutex<()>,
    place: Mutex<Place>,
    arrivals: Signal,
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
    /// The last read found nothing up to its time, and nothing was added since.
    is_empty: bool,
    dues: Dues,
    /// Whether the dues of what was stored before this process are known.
    looked_ahead: bool,
}

/// When entries become visible: the first of each tenth of a second, and of each second beyond a minute.
#[derive(Default)]
struct Dues(BTreeMap<i64, i64>);

impl Dues {
    /// The end of the stretch that `at` is in, as seen from `now`.
    fn stretch(at: i64, now: i64) -> i64 {
        let length = if at - now > 60_000_000 { 1_000_000 } else { 100_000 };
        (at.div_euclid(length) + 1).saturating_mul(length)
    }

    fn add(&mut self, at: i64, now: i64) {
        let first = self.0.entry(Self::stretch(at, now)).or_insert(at);
        *first = at.min(*first);
    }

    /// Everything up to `now` was looked at.
    fn pass(&mut self, now: i64) {
        self.0 = self.0.split_off(&(now + 1));
        for (end, first) in self.0.range_mut(..).take_while(|(_, first)| **first <= now) {
            *first = *end;
        }
    }

    fn first(&self) -> i64 {
        self.0.values().next().copied().unwrap_or(i64::MAX)
    }
}

/// Entries that nobody else will take while this lives.
pub(crate) struct Claim {
    cursor: Arc<Cursor>,
    now: i64,
    pub(crate) entries: Vec<Entry>,
    /// How many of the first entries are dealt with; the others go back.
    done: usize,
}

impl Cursor {
    fn new() -> Self {
        Self {
            turn: tokio::sync::Mutex::new(()),
            place: Mutex::new(Place {
                head: i64::MIN,
                added: i64::MAX,
                claimed: BTreeSet::new(),
                is_empty: false,
                dues: Dues::default(),
                looked_ahead: false,
            }),
            arrivals: Signal::default(),
            lanes: (0..LANES).map(|_| tokio::sync::Mutex::new(())).collect(),
            counted: Mutex::default(),
        }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Place> {
        self.place.lock().expect("no panic while held")
    }

    /// An entry at this time was committed; seen at `now`.
    pub(crate) fn added(&self, at: i64, now: i64) {
        let mut place = self.place();
        place.added = place.added.min(at);
        place.head = place.head.min(at);
        place.is_empty = false;
        let sooner = at < place.dues.first();
        if at > now {
            place.dues.add(at, now);
        }
        drop(place);
        if sooner {
            self.arrivals.raise();
        }
    }

    /// When the next entry becomes visible, as far as is known: never before it is so by more than a moment.
    pub(crate) fn next_due(&self) -> i64 {
        self.place().dues.first()
    }

    /// Whether a read at `now` would find nothing: those who poll an idle queue need none.
    pub(crate) fn is_empty_at(&self, now: i64) -> bool {
        let place = self.place();
        place.is_empty && place.dues.first() > now
    }

    /// Nobody knows what was committed: everything is looked at again.
    fn doubt(&self) {
        let mut place = self.place();
        place.added = i64::MIN;
        place.head = i64::MIN;
        place.is_empty = false;
        place.looked_ahead = false;
        drop(place);
        self.arrivals.raise();
    }

    /// Wakes those who wait: the queue is not as it was.
    pub(crate) fn wake(&self) {
        self.arrivals.raise();
    }

    /// Where counting may begin: what is claimed is still there.
    pub(crate) fn counting_from(&self) -> i64 {
        let place = self.place();
        place.claimed.first().map_or(place.head, |(at, _)| place.head.min(*at))
    }

    /// Wakes when an entry comes before all that are known.
    pub(crate) fn arrivals(&self) -> Listener {
        self.arrivals.listen()
    }

    /// Claims up to `wanted` entries that are due. `read` gives entries from one time to another, both included, at
    /// most so many, in order.
    pub(crate) async fn claim(
        self: &Arc<Self>,
        kv: &Kv,
        now: i64,
        wanted: usize,
        read: impl Fn(&Snapshot, i64, i64, usize) -> Result<Vec<Entry>>,
    ) -> Result<Claim> {
        let mut claim = Claim { cursor: Arc::clone(self), now, entries: Vec::new(), done: 0 };
        let _turn = self.turn.lock().await;
        let (from, taken, looked_ahead) = {
            let mut place = self.place();
            place.added = i64::MAX;
            (place.head, place.claimed.len(), place.looked_ahead)
        };
        let snapshot = kv.snapshot().await?;
        if !looked_ahead {
            self.look_ahead(&snapshot, now, &read).await?;
        }
        if from > now {
            return Ok(claim);
        }
        let limit = wanted + taken + 1;
        let entries = read(&snapshot, from, now, limit)?;
        let exhausted = entries.len() < limit;
        let mut head = entries.last().filter(|_| !exhausted).map_or(now + 1, |(at, _)| *at);
        let is_empty = entries.is_empty();
        let mut place = self.place();
        place.is_empty = is_empty && place.added == i64::MAX;
        for entry in entries {
            if place.claimed.contains(&entry) {
                continue;
            }
            if claim.entries.len() == wanted {
                head = entry.0;
                break;
            }
            place.claimed.insert(entry.clone());
            claim.entries.push(entry);
        }
        if head > now {
            place.dues.pass(now);
        }
        place.head = head.min(place.added);
        Ok(claim)
    }

    /// Learns once when what was stored before this process becomes visible.
    async fn look_ahead(
        &self,
        snapshot: &Snapshot,
        now: i64,
        read: &impl Fn(&Snapshot, i64, i64, usize) -> Result<Vec<Entry>>,
    ) -> Result<()> {
        let mut from = now + 1;
        loop {
            let entries = read(snapshot, from, i64::MAX - 1, LOOK_AHEAD)?;
            let last = entries.last().filter(|_| entries.len() == LOOK_AHEAD);
            {
                let mut place = self.place();
                entries.iter().for_each(|(at, _)| place.dues.add(*at, now));
                place.looked_ahead = last.is_none();
            }
            // More at one moment than are read at once: the rest becomes visible with them.
            let Some((last, _)) = last else { return Ok(()) };
            from = (*last).max(from + 1);
            tokio::task::yield_now().await;
        }
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
            self.cursor.added(back, self.now);
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

    /// Runs a transaction that moves messages. One that fails in the store may have been written all the same; then
    /// what it wrote must be found although nobody was told of it.
    pub(crate) async fn transact<T>(
        &self,
        kv: &Kv,
        body: impl FnMut(&mut Tx) -> aws_wire::Result<T>,
    ) -> aws_wire::Result<T> {
        let done = kv.transact(body).await;
        if done.as_ref().is_err_and(|error| error.status >= 500) {
            self.0.lock().expect("no panic while held").values().for_each(|cursor| cursor.doubt());
        }
        done
    }

    /// Forgets a store that is no more. Whoever still holds its cursor finds nothing.
    pub(crate) fn forget(&self, store: Id) {
        self.0.lock().expect("no panic while held").remove(&store);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_known_to_the_microsecond_at_first_and_roughly_after() {
        let mut dues = Dues::default();
        assert_eq!(dues.first(), i64::MAX);
        for at in [1_050_000, 1_020_000, 1_080_000, 2_000_000] {
            dues.add(at, 0);
        }
        assert_eq!(dues.first(), 1_020_000);
        dues.pass(1_020_000);
        assert_eq!(dues.first(), 1_100_000, "the rest of its tenth of a second");
        dues.pass(1_100_000);
        assert_eq!(dues.first(), 2_000_000);
        dues.pass(2_100_000);
        assert_eq!(dues.first(), i64::MAX);
    }
}
