//! Blobs that the collector of garbage has to leave: those in nobody's rows yet, which uploads hold until they are, and those
//! that are being read.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use blob::Digest;
use env::{Listener, Signal};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Who holds which blob, in this process. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Holds(Arc<Inner>);

#[derive(Default)]
struct Inner {
    held: Mutex<Held>,
    /// Whoever removes a blob has this alone: nobody begins to hold one meanwhile.
    removal: RwLock<()>,
    /// A blob that was to be removed is held no more.
    released: Signal,
}

#[derive(Default)]
struct Held {
    counts: HashMap<Digest, usize>,
    /// Those of them that were to be removed.
    refused: HashSet<Digest>,
}

/// Keeps one blob; ends when dropped.
pub(crate) struct Hold {
    holds: Holds,
    digest: Digest,
}

/// Nothing is removed while this lives. Taken before the store is read, so that what is found there can be held.
pub(crate) struct Entry<'h> {
    holds: &'h Holds,
    _removal: RwLockReadGuard<'h, ()>,
}

impl Entry<'_> {
    /// Keeps a blob from now on.
    pub(crate) fn hold(&self, digest: Digest) -> Hold {
        *self.holds.held().counts.entry(digest).or_default() += 1;
        Hold { holds: self.holds.clone(), digest }
    }
}

impl Holds {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().expect("no panic while held")
    }

    pub(crate) async fn enter(&self) -> Entry<'_> {
        Entry { holds: self, _removal: self.0.removal.read().await }
    }

    /// Keeps a blob from now on. It may have been removed just before.
    pub(crate) async fn hold(&self, digest: Digest) -> Hold {
        self.enter().await.hold(digest)
    }

    /// The right to remove `digest`, as long as the guard lives; `None` while somebody holds it.
    pub(crate) async fn begin_removal(&self, digest: Digest) -> Option<RwLockWriteGuard<'_, ()>> {
        let removal = self.0.removal.write().await;
        let mut held = self.held();
        if held.counts.contains_key(&digest) {
            held.refused.insert(digest);
            return None;
        }
        Some(removal)
    }

    /// Hears when something that was to be removed is held no more.
    pub(crate) fn releases(&self) -> Listener {
        self.0.released.listen()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.held();
        let Some(count) = held.counts.get_mut(&self.digest) else { return };
        *count -= 1;
        if *count == 0 {
            held.counts.remove(&self.digest);
            if held.refused.remove(&self.digest) {
                self.holds.0.released.raise();
            }
        }
    }
}
