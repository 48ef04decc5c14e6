//! The snapshots of all versions with SnapStart: one each, taken when it is published or first needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::environment::{InitFailure, Snapshot};
use crate::version::VersionKey;

#[derive(Default)]
pub(crate) struct Snapshots {
    of: Mutex<HashMap<VersionKey, Arc<Place>>>,
}

/// Of one version; whoever takes the snapshot holds the lock, and others wait for it.
type Place = tokio::sync::Mutex<Option<Arc<Snapshot>>>;

impl Snapshots {
    /// The snapshot of a version; taken by `take` unless there is one.
    pub(crate) async fn get<F>(
        &self,
        key: VersionKey,
        take: impl FnOnce() -> F,
    ) -> Result<Arc<Snapshot>, InitFailure>
    where
        F: Future<Output = Result<Snapshot, InitFailure>>,
    {
        let place = Arc::clone(self.of.lock().expect("no panic while held").entry(key).or_default());
        let mut place = place.lock().await;
        if let Some(snapshot) = place.as_ref().filter(|snapshot| is_good(snapshot)) {
            return Ok(Arc::clone(snapshot));
        }
        *place = None;
        let snapshot = Arc::new(take().await?);
        *place = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// Ends every template that is not to be kept. Environments restored from it end as they are retired.
    pub(crate) fn retain(&self, keep: impl Fn(&VersionKey) -> bool) {
        self.of.lock().expect("no panic while held").retain(|key, _| keep(key));
    }
}

/// A template that died is no snapshot any more.
fn is_good(snapshot: &Snapshot) -> bool {
    match snapshot {
        Snapshot::Taken(taken) => taken.is_alive(),
        Snapshot::Impossible(_) => true,
    }
}
