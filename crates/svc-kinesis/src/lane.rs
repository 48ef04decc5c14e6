//! What is known of a stream in memory: which shard a hash key leads to, the sequence numbers that are under way, and
//! who waits for records. All of it can be made anew from the store.
//!
//! Numbers are handed out before the write that carries them is stored, so they may become visible out of order;
//! readers stop below the least number of their shard that is still open. Writers hold a stream's gate together;
//! whoever splits or merges holds it alone, so a shard that is closed has no number open. See ADR 24.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_wire::Result;
use kv::{Direction, Read, Span};
use tokio::sync::{RwLock, watch};

use crate::Ctx;
use crate::keys::{Id, RECORDS, SHARDS};
use crate::shard;

/// The lanes of all streams that were used.
#[derive(Default)]
pub(crate) struct Lanes(Mutex<HashMap<Id, Arc<Lane>>>);

/// One stream's.
#[derive(Default)]
pub(crate) struct Lane {
    /// Held together by writers, alone by whoever changes the shards.
    pub gate: RwLock<()>,
    routes: Mutex<Option<Arc<Routes>>>,
    shards: Mutex<HashMap<u32, Numbers>>,
}

/// The open shards in order of their hash keys: where each begins, and its number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Routes(Vec<(u128, u32)>);

struct Numbers {
    last: u64,
    /// Handed out; whether they were written is not decided.
    open: BTreeSet<u64>,
    /// What lies below was trimmed.
    trimmed: u64,
    news: watch::Sender<()>,
}

/// Numbers of one write in one shard. Dropped when it is decided.
pub(crate) struct Reserved {
    lane: Arc<Lane>,
    pub shard: u32,
    pub numbers: Vec<u64>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let mut shards = self.lane.shards();
        if let Some(known) = shards.get_mut(&self.shard) {
            for number in &self.numbers {
                known.open.remove(number);
            }
            known.news.send_replace(());
        }
    }
}

impl Lanes {
    pub(crate) fn of(&self, stream: Id) -> Arc<Lane> {
        let mut lanes = self.0.lock().expect("no panic while held");
        Arc::clone(lanes.entry(stream).or_default())
    }

    /// Forgets a stream that is gone, and wakes whoever waits for its records.
    pub(crate) fn forget(&self, stream: Id) {
        let lane = self.0.lock().expect("no panic while held").remove(&stream);
        if let Some(lane) = lane {
            lane.tell_all();
        }
    }
}

impl Routes {
    /// Where records with this hash key go; nowhere when the stream is gone.
    pub(crate) fn shard(&self, hash: u128) -> Option<u32> {
        let after = self.0.partition_point(|(start, _)| *start <= hash);
        self.0.get(after.checked_sub(1)?).map(|(_, number)| *number)
    }
}

impl Lane {
    fn shards(&self) -> MutexGuard<'_, HashMap<u32, Numbers>> {
        self.shards.lock().expect("no panic while held")
    }

    /// The routes; read from the store when they are not known. To be asked with the gate held.
    pub(crate) async fn routes(&self, cx: &Ctx, stream: Id) -> Result<Arc<Routes>> {
        if let Some(routes) = self.routes.lock().expect("no panic while held").as_ref() {
            return Ok(Arc::clone(routes));
        }
        let shards = shard::all(&cx.kv.snapshot().await?, stream)?;
        let open = shards.iter().filter(|(_, shard)| shard.is_open());
        let mut routes = open.map(|(number, shard)| (shard.start.0, *number)).collect::<Vec<_>>();
        routes.sort_unstable();
        let routes = Arc::new(Routes(routes));
        *self.routes.lock().expect("no panic while held") = Some(Arc::clone(&routes));
        Ok(routes)
    }

    /// Forgets the routes, for the shards are others now, and wakes every reader.
    pub(crate) fn resharded(&self) {
        *self.routes.lock().expect("no panic while held") = None;
        self.tell_all();
    }

    fn tell_all(&self) {
        for known in self.shards().values() {
            known.news.send_replace(());
        }
    }

    /// Forgets a shard that is gone.
    pub(crate) fn forget(&self, shard: u32) {
        self.shards().remove(&shard);
    }

    /// Hands out numbers above all others of the shard, and above `above`; they tell the time in microseconds.
    pub(crate) async fn reserve(
        self: &Arc<Self>,
        cx: &Ctx,
        stream: Id,
        shard: u32,
        count: usize,
        above: u64,
    ) -> Result<Reserved> {
        self.know(cx, stream, shard).await?;
        let mut shards = self.shards();
        let known =
            shards.get_mut(&shard).expect("it was met just now, and is forgotten only with its shard");
        // Read while the numbers are held, so that a number is never below the time at which its record arrived.
        let now = u64::try_from(cx.env.now().as_micros()).unwrap_or(0);
        let first = now.max(known.last + 1).max(above.saturating_add(1));
        let numbers = (first..).take(count).collect::<Vec<_>>();
        known.last = numbers.last().copied().unwrap_or(known.last);
        known.open.extend(&numbers);
        Ok(Reserved { lane: Arc::clone(self), shard, numbers })
    }

    /// All numbers of the shard below this are decided. To be asked before the store is read.
    pub(crate) async fn decided_below(&self, cx: &Ctx, stream: Id, shard: u32) -> Result<u64> {
        self.know(cx, stream, shard).await?;
        let shards = self.shards();
        let known = shards.get(&shard);
        Ok(known.map_or(0, |known| known.open.first().copied().unwrap_or(known.last + 1)))
    }

    /// The last number that was handed out.
    pub(crate) async fn last(&self, cx: &Ctx, stream: Id, shard: u32) -> Result<u64> {
        self.know(cx, stream, shard).await?;
        Ok(self.shards().get(&shard).map_or(0, |known| known.last))
    }

    /// News of the shard's records from now on.
    pub(crate) async fn news(&self, cx: &Ctx, stream: Id, shard: u32) -> Result<watch::Receiver<()>> {
        self.know(cx, stream, shard).await?;
        let shards = self.shards();
        let news = shards.get(&shard).map(|known| known.news.subscribe());
        Ok(news.unwrap_or_else(|| watch::channel(()).1))
    }

    /// What of the shard is known to be trimmed, so that nobody walks over it again.
    pub(crate) fn trimmed(&self, shard: u32) -> u64 {
        self.shards().get(&shard).map_or(0, |known| known.trimmed)
    }

    pub(crate) fn trim(&self, shard: u32, below: u64) {
        if let Some(known) = self.shards().get_mut(&shard) {
            known.trimmed = known.trimmed.max(below);
        }
    }

    /// Finds where the shard's numbers ended before this process began.
    async fn know(&self, cx: &Ctx, stream: Id, shard: u32) -> Result<()> {
        if self.shards().contains_key(&shard) {
            return Ok(());
        }
        let last = last_stored(&cx.kv.snapshot().await?, stream, shard)?;
        // Whoever else looked meanwhile found the same: nobody has been given a number before this.
        self.shards().entry(shard).or_insert_with(|| Numbers {
            last,
            open: BTreeSet::new(),
            trimmed: 0,
            news: watch::channel(()).0,
        });
        Ok(())
    }
}

fn last_stored(reader: &impl Read, stream: Id, number: u32) -> Result<u64> {
    let rows = RECORDS.scan(reader, &Span::prefix(&(stream, number)), 1, Direction::Reverse)?;
    let first = SHARDS.get(reader, &(stream, number))?.map_or(0, |shard| shard.first);
    Ok(rows.first().map_or(first, |((.., last), _)| *last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_key_leads_to_the_shard_that_has_it() {
        let routes = Routes(vec![(0, 7), (10, 3), (20, 5)]);
        for (hash, shard) in [(0, 7), (9, 7), (10, 3), (19, 3), (20, 5), (u128::MAX, 5)] {
            assert_eq!(routes.shard(hash), Some(shard), "{hash}");
        }
        assert_eq!(Routes(Vec::new()).shard(1), None);
    }
}
