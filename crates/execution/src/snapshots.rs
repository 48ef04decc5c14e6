//! The snapshots of all versions with SnapStart: one each, taken when it is published or first needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::environment::{Environment, InitFailure, Phase, Snapshot};
use crate::invocation::Failure;
use crate::limits::SNAPSHOT_INIT_TIMEOUT;
use crate::pool::{Inner, Pools, shutting_down};
use crate::starts::{Grant, Ring};
use crate::version::{Version, VersionKey};

/// What a version with SnapStart has been made ready with.
#[derive(Debug, PartialEq, Eq)]
pub enum Prepared {
    Snapshot,
    /// It can't be copied, so each environment runs INIT. Why, for the function's owner.
    NoSnapshot(String),
}

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

    /// The snapshot of a version, if there is one and nobody takes one.
    fn ready(&self, key: &VersionKey) -> Option<Arc<Snapshot>> {
        let place = Arc::clone(self.of.lock().expect("no panic while held").get(key)?);
        place.try_lock().ok()?.as_ref().filter(|snapshot| is_good(snapshot)).cloned()
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

impl Pools {
    /// Whether this host can take snapshots at all.
    pub fn take_snapshots(&self) -> bool {
        self.0.options.sandboxes.describe().gives(sandbox::Guarantee::Snapshots)
    }

    /// Takes the snapshot of a version with SnapStart, unless there is one.
    ///
    /// # Errors
    /// When INIT fails, or no sandbox can be made.
    pub async fn prepare(&self, version: &Arc<Version>) -> Result<Prepared, Failure> {
        let snapshot = self.0.snapshot(version).await.map_err(|failed| failed.failure)?;
        Ok(match &*snapshot {
            Snapshot::Taken(_) => Prepared::Snapshot,
            Snapshot::Impossible(reason) => Prepared::NoSnapshot(reason.clone()),
        })
    }
}

impl Inner {
    pub(crate) async fn start_from_snapshot(
        &self,
        grant: Grant,
        version: &Arc<Version>,
        phase: Phase,
        budget: Duration,
    ) -> Result<Arc<Environment>, InitFailure> {
        let (snapshot, grant) = match self.snapshots.ready(&version.key()) {
            Some(snapshot) => (snapshot, grant),
            None => {
                // Taking it needs turn and room too, and may take minutes: others' starts are not to wait for that.
                drop(grant);
                (self.snapshot(version).await?, self.grant(version).await?)
            }
        };
        let (Grant { turn, room }, parts) = (grant, self.parts());
        match &*snapshot {
            Snapshot::Taken(taken) => {
                let restore = Environment::restore(parts, (&snapshot, taken), version, room);
                self.in_turn(turn, restore).await
            }
            Snapshot::Impossible(reason) => {
                let budget = budget.max(SNAPSHOT_INIT_TIMEOUT);
                let start = Environment::start(parts, version, room, phase, budget);
                let started = self.in_turn(turn, start).await;
                started.inspect(|environment| environment.say_no_snapshot(reason))
            }
        }
    }

    /// The snapshot of a version; taken now if there is none.
    async fn snapshot(&self, version: &Arc<Version>) -> Result<Arc<Snapshot>, InitFailure> {
        let take = || async {
            let Grant { turn, room } = self.grant(version).await?;
            let take = Environment::snapshot(self.parts(), version, room);
            self.in_turn(turn, take).await
        };
        self.snapshots.get(version.key(), take).await
    }

    async fn grant(&self, version: &Version) -> Result<Grant, InitFailure> {
        let granted = self.starts.request(&version.function_arn, Ring::Unreserved).await;
        granted.ok_or_else(shutting_down)
    }
}
