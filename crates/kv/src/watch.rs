//! Waking those who wait for a write under a prefix.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use env::{Listener, Signal};

/// Everyone who waits, by prefix. An engine holds one and tells it what was committed.
#[derive(Clone, Default)]
pub struct Watches(Arc<Mutex<ByLength>>);

/// Grouped by the prefix's length, so that a written key costs one look-up for each length in use.
type ByLength = BTreeMap<usize, HashMap<Bytes, Signal>>;

impl Watches {
    /// Waits for writes under `prefix` from now on.
    pub fn watch(&self, prefix: impl Into<Bytes>) -> Watch {
        let prefix = prefix.into();
        let listener =
            self.lock().entry(prefix.len()).or_default().entry(prefix.clone()).or_default().listen();
        Watch { listener, prefix, watches: self.clone() }
    }

    /// Wakes whoever waits for one of `keys`. To be called after the writes are in every new view: otherwise
    /// someone who wakes could look, see nothing, and sleep for ever.
    pub fn wake<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) {
        let by_length = self.lock();
        if by_length.is_empty() {
            return;
        }
        for key in keys {
            for (length, watched) in by_length.range(..=key.len()) {
                if let Some(signal) = watched.get(&key[..*length]) {
                    signal.raise();
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ByLength> {
        self.0.lock().expect("no panic while held")
    }
}

/// Waits for committed writes under one prefix. A hint: it may fire without cause, but a write committed after
/// the watch was made, or after `changed` last returned, is never missed.
pub struct Watch {
    listener: Listener,
    prefix: Bytes,
    watches: Watches,
}

impl Watch {
    /// Resolves when there was a write since the watch was made or since this last resolved. Dropping the future
    /// loses nothing.
    pub async fn changed(&mut self) {
        self.listener.changed().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut by_length = self.watches.lock();
        let Some(watched) = by_length.get_mut(&self.prefix.len()) else { return };
        // New listeners are made under the same lock, so nobody can join between the count and the removal.
        if watched.get(&self.prefix).is_some_and(|signal| signal.listeners() == 1) {
            watched.remove(&self.prefix);
        }
        if watched.is_empty() {
            by_length.remove(&self.prefix.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_writes_under_the_prefix_wake() {
        let watches = Watches::default();
        let fires = |prefix: &'static str, key: &str| {
            let watch = watches.watch(prefix);
            watches.wake([key.as_bytes()].into_iter());
            watch.listener.has_changed()
        };
        assert!(fires("", "b") && fires("b", "b") && fires("b", "bc") && fires("bc", "bcd"));
        assert!(!fires("b", "a") && !fires("b", "c") && !fires("bc", "b") && !fires("bc", "bd"));
    }

    #[test]
    fn a_dropped_watch_leaves_nothing_behind() {
        let watches = Watches::default();
        let (first, second) = (watches.watch("ab"), watches.watch("ab"));
        let other = watches.watch("c");
        drop(first);
        assert!(watches.lock()[&2].contains_key(&b"ab"[..]));
        drop(second);
        assert!(!watches.lock().contains_key(&2));
        drop(other);
        assert!(watches.lock().is_empty());
    }
}
