//! A store in memory, for tests and simulation: every promise of the contract but durability.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use kv::{
    BoxFuture, Commit, CommitError, Direction, Engine, KeyRange, RecentWrites, Result, Row, View, Watches,
};

/// Far more than can be written while one transaction of a test runs.
const RECENT_KEYS_MAX: usize = 16_384;

#[derive(Clone)]
pub struct MemEngine {
    state: Arc<Mutex<State>>,
    watches: Watches,
}

struct State {
    version: u64,
    /// Each key's values, oldest first, with the version that wrote them. Old values live while a view needs them.
    keys: BTreeMap<Bytes, Vec<(u64, Option<Bytes>)>>,
    recent: RecentWrites,
    /// How many views are open at each version.
    views: BTreeMap<u64, usize>,
    /// Keys with something to forget once no view is older than the version, oldest first.
    garbage: VecDeque<(u64, Bytes)>,
}

impl MemEngine {
    pub fn new() -> Self {
        let state = State {
            version: 0,
            keys: BTreeMap::new(),
            recent: RecentWrites::new(RECENT_KEYS_MAX),
            views: BTreeMap::new(),
            garbage: VecDeque::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), watches: Watches::default() }
    }

    fn decide(&self, commit: &Commit) -> Result<(), CommitError> {
        let mut state = lock(&self.state);
        if state.recent.conflict(commit.version, &commit.reads) {
            return Err(CommitError::Conflict);
        }
        state.apply(commit);
        drop(state);
        self.watches.wake(commit.writes.iter().map(|(key, _)| &key[..]));
        Ok(())
    }
}

impl Default for MemEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for MemEngine {
    fn view(&self) -> BoxFuture<'_, Result<Arc<dyn View>>> {
        let mut state = lock(&self.state);
        let version = state.version;
        *state.views.entry(version).or_default() += 1;
        let view = MemView { version, state: self.state.clone() };
        Box::pin(std::future::ready(Ok(Arc::new(view) as Arc<dyn View>)))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        // Decided when polled: a future that nobody polls does nothing.
        Box::pin(async move { self.decide(&commit) })
    }

    fn watches(&self) -> &Watches {
        &self.watches
    }
}

impl State {
    fn apply(&mut self, commit: &Commit) {
        self.version += 1;
        let version = self.version;
        self.recent.record(version, commit.writes.iter().map(|(key, _)| key));
        for (key, value) in &commit.writes {
            self.keys.entry(key.clone()).or_default().push((version, value.clone()));
            self.garbage.push_back((version, key.clone()));
        }
        self.collect_garbage();
    }

    fn collect_garbage(&mut self) {
        let oldest = self.views.first_key_value().map_or(self.version, |(version, _)| *version);
        while self.garbage.front().is_some_and(|(version, _)| *version <= oldest) {
            let Some((_, key)) = self.garbage.pop_front() else { return };
            let Some(values) = self.keys.get_mut(&key) else { continue };
            let seen = values.partition_point(|(version, _)| *version <= oldest);
            // Of the values that the oldest view can see only the last is visible; a deletion is not even that.
            let forget = match values.get(seen.wrapping_sub(1)) {
                Some((_, None)) => seen,
                _ => seen.saturating_sub(1),
            };
            values.drain(..forget);
            if values.is_empty() {
                self.keys.remove(&key);
            }
        }
    }
}

struct MemView {
    version: u64,
    state: Arc<Mutex<State>>,
}

impl MemView {
    fn visible<'a>(&self, values: &'a [(u64, Option<Bytes>)]) -> Option<&'a Bytes> {
        let seen = values.partition_point(|(version, _)| *version <= self.version);
        values[..seen].last().and_then(|(_, value)| value.as_ref())
    }
}

impl View for MemView {
    fn version(&self) -> u64 {
        self.version
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(lock(&self.state).keys.get(key).and_then(|values| self.visible(values).cloned()))
    }

    fn scan(&self, range: &KeyRange, limit: usize, direction: Direction) -> Result<Vec<Row>> {
        let state = lock(&self.state);
        let rows = state
            .keys
            .range::<Bytes, _>(range.bounds())
            .filter_map(|(key, values)| self.visible(values).map(|value| (key, value)));
        let owned = |(key, value): (&Bytes, &Bytes)| (key.clone(), value.clone());
        Ok(match direction {
            Direction::Forward => rows.take(limit).map(owned).collect(),
            Direction::Reverse => rows.rev().take(limit).map(owned).collect(),
        })
    }
}

impl Drop for MemView {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(count) = state.views.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                state.views.remove(&self.version);
            }
        }
        state.collect_garbage();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no panic while held")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kv::{Kv, Read};

    #[tokio::test]
    async fn nothing_old_is_kept_once_no_view_needs_it() {
        let engine = MemEngine::new();
        let kv = Kv::new(Arc::new(engine.clone()), env::Env::system());
        let put = async |value: &'static str| {
            kv.transact(|tx| tx.put_bytes("key", value)).await.expect("put");
        };
        put("old").await;
        let view = kv.snapshot().await.expect("snapshot");
        put("new").await;
        put("newer").await;
        assert_eq!(view.get_bytes(b"key").expect("get").as_deref(), Some(&b"old"[..]));
        drop(view);
        assert_eq!(lock(&engine.state).keys[&b"key"[..]].len(), 1);
        kv.transact(|tx| tx.delete_bytes("key")).await.expect("delete");
        assert!(lock(&engine.state).keys.is_empty());
        assert!(lock(&engine.state).garbage.is_empty());
        assert!(lock(&engine.state).views.is_empty());
    }
}
