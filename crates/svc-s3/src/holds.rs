//! Blobs that are in nobody's rows yet: uploads hold them until they are, and the collector of garbage waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use blob::Digest;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard};

/// Who holds which blob, in this process. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Holds(Arc<Inner>);

#[derive(Default)]
struct Inner {
    held: Mutex<HashMap<Digest, usize>>,
    /// Whoever removes a blob has this: nobody begins to hold one meanwhile.
    removal: AsyncMutex<()>,
}

/// Keeps one blob; ends when dropped.
pub(crate) struct Hold {
    holds: Holds,
    digest: Digest,
}

impl Holds {
    /// Keeps a blob from now on. It may have been removed just before.
    pub(crate) async fn hold(&self, digest: Digest) -> Hold {
        let _removal = self.0.removal.lock().await;
        *self.0.held.lock().expect("no panic while held").entry(digest).or_default() += 1;
        Hold { holds: self.clone(), digest }
    }

    /// The right to remove `digest`, as long as the guard lives; `None` while somebody holds it.
    pub(crate) async fn begin_removal(&self, digest: Digest) -> Option<MutexGuard<'_, ()>> {
        let removal = self.0.removal.lock().await;
        let is_held = self.0.held.lock().expect("no panic while held").contains_key(&digest);
        (!is_held).then_some(removal)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.0.held.lock().expect("no panic while held");
        if let Some(count) = held.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.digest);
            }
        }
    }
}
