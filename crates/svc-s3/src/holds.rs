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
    /// There is something new in `left`.
    released: Signal,
}

#[derive(Default)]
struct Held {
    counts: HashMap<Digest, usize>,
    /// Those of them that the collector has to look at afterwards: they were to be removed, or became nobody's.
    doubtful: HashSet<Digest>,
    /// Those that it has to look at now.
    left: HashSet<Digest>,
}

/// Keeps one blob; ends when dropped.
pub(crate) struct Hold {
    holds: Holds,
    digest: Digest,
    is_somebodys: bool,
}

/// Nothing is removed while this lives. Taken before the store is read, so that what is found there can be held.
pub(crate) struct Entry<'h> {
    holds: &'h Holds,
    _removal: RwLockReadGuard<'h, ()>,
}

impl Entry<'_> {
    /// Keeps a blob from now on that is part of something.
    pub(crate) fn hold(&self, digest: Digest) -> Hold {
        *self.holds.held().counts.entry(digest).or_default() += 1;
        Hold { holds: self.holds.clone(), digest, is_somebodys: true }
    }
}

impl Hold {
    /// The blob is part of something now: else the collector looks at it when this ends, however it ends.
    pub(crate) fn settle(&mut self) {
        self.is_somebodys = true;
    }
}

impl Holds {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().expect("no panic while held")
    }

    pub(crate) async fn enter(&self) -> Entry<'_> {
        Entry { holds: self, _removal: self.0.removal.read().await }
    }

    /// Keeps a blob from now on that is nobody's yet. It may have been removed just before.
    pub(crate) async fn hold(&self, digest: Digest) -> Hold {
        let mut hold = self.enter().await.hold(digest);
        hold.is_somebodys = false;
        hold
    }

    /// The right to remove `digest`, as long as the guard lives; `None` while somebody holds it.
    pub(crate) async fn begin_removal(&self, digest: Digest) -> Option<RwLockWriteGuard<'_, ()>> {
        let removal = self.0.removal.write().await;
        let mut held = self.held();
        if held.counts.contains_key(&digest) {
            held.doubtful.insert(digest);
            return None;
        }
        Some(removal)
    }

    /// What is to be looked at, which is the caller's from now on.
    pub(crate) fn take_left(&self) -> Vec<Digest> {
        let mut left = std::mem::take(&mut self.held().left).into_iter().collect::<Vec<_>>();
        left.sort_unstable();
        left
    }

    /// What could not be looked at.
    pub(crate) fn put_back(&self, left: &[Digest]) {
        self.held().left.extend(left);
    }

    /// Hears when something is to be looked at.
    pub(crate) fn releases(&self) -> Listener {
        self.0.released.listen()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.held();
        if !self.is_somebodys {
            held.doubtful.insert(self.digest);
        }
        let Some(count) = held.counts.get_mut(&self.digest) else { return };
        *count -= 1;
        if *count == 0 {
            held.counts.remove(&self.digest);
            if held.doubtful.remove(&self.digest) {
                held.left.insert(self.digest);
                self.holds.0.released.raise();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_became_nobodys_or_was_refused_is_looked_at_when_nobody_holds_it() {
        let (holds, digest) = (Holds::default(), Digest::from_bytes([7; 32]));
        let mut settled = holds.hold(digest).await;
        settled.settle();
        drop(settled);
        assert_eq!(holds.take_left(), [], "it is somebody's");

        let reader = holds.enter().await.hold(digest);
        drop(holds.hold(digest).await);
        assert_eq!(holds.take_left(), [], "it is being read");
        drop(reader);
        assert_eq!(holds.take_left(), [digest]);
        assert_eq!(holds.take_left(), []);

        let reader = holds.enter().await.hold(digest);
        assert!(holds.begin_removal(digest).await.is_none());
        drop(reader);
        assert_eq!(holds.take_left(), [digest]);
        assert!(holds.begin_removal(digest).await.is_some());
    }
}
