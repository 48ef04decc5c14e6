//! Provisioned environments: so many of a version are kept ready ahead of any invocation. Those that end, for
//! whatever reason, are replaced; INIT that fails is tried again, ever more slowly.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use crate::admission::Share;
use crate::environment::{Environment, Phase};
use crate::invocation::Failure;
use crate::limits::PROVISIONED_INIT_TIMEOUT;
use crate::pool::{Inner, Pool, Pools, Warmth};
use crate::starts::Ring;
use crate::version::Version;

/// INITs that may fail one after the other before provisioning counts as failed.
const FAILURES_MAX: u32 = 3;
/// How long at most the next INIT waits after one that failed.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What is provisioned of a version.
#[derive(Clone, Debug)]
pub struct Provisioning {
    pub version: Arc<Version>,
    /// How many there should be.
    pub target: usize,
    /// How many are ready, idle or at work.
    pub ready: usize,
    pub status: ProvisioningStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvisioningStatus {
    InProgress,
    /// As many as asked for were ready; one that ended since is being replaced.
    Ready,
    /// With AWS's name for the reason.
    Failed(&'static str),
}

/// A pool's provisioned environments.
#[derive(Default)]
pub(crate) struct Provisioned {
    version: Option<Arc<Version>>,
    target: usize,
    /// The last is the one used last.
    pub idle: Vec<Arc<Environment>>,
    /// Ready, idle or at work: those that hold a [`Slot`].
    alive: usize,
    /// Starts under way or waiting.
    starting: usize,
    /// INITs that failed one after the other.
    failures: u32,
    failed: Option<&'static str>,
    reached: bool,
    /// Ends the pause after a failure.
    again: Arc<Notify>,
}

impl Provisioned {
    pub(crate) fn has_surplus(&self) -> bool {
        self.alive > self.target
    }

    fn shown(&self) -> Option<Provisioning> {
        let version = Arc::clone(self.version.as_ref().filter(|_| self.target > 0)?);
        let status = match self.failed {
            Some(reason) => ProvisioningStatus::Failed(reason),
            None if self.reached => ProvisioningStatus::Ready,
            None => ProvisioningStatus::InProgress,
        };
        Some(Provisioning { version, target: self.target, ready: self.alive, status })
    }

    /// Forgets how INITs went so far.
    fn start_over(&mut self) {
        self.failures = 0;
        self.failed = None;
        self.reached = self.alive >= self.target;
        self.again.notify_waiters();
    }

    fn went_well(&mut self) {
        self.alive += 1;
        self.failures = 0;
        self.failed = None;
        self.reached |= self.alive >= self.target;
    }

    fn went_wrong(&mut self, failure: &Failure) {
        self.failures += 1;
        if self.failures >= FAILURES_MAX {
            self.failed = Some(match failure {
                Failure::Sandbox(_) => "INTERNAL_ERROR",
                Failure::TimedOut { .. } => "FUNCTION_ERROR_INIT_TIMEOUT",
                _ => "FUNCTION_ERROR_INIT_FAILURE",
            });
            self.reached = false;
        }
    }
}

/// How long a start waits after so many failures in a row: 1 s, 2 s, 4 s, …
fn pause(failures: u32) -> Duration {
    match failures {
        0 => Duration::ZERO,
        _ => Duration::from_secs(1 << (failures - 1).min(6)).min(PAUSE_MAX),
    }
}

/// A provisioned environment's place; when it is given up, another environment takes it.
pub(crate) struct Slot {
    pool: Weak<Pool>,
    share: Arc<Share>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.share.count_provisioned(false);
        if let Some(pool) = self.pool.upgrade() {
            pool.state().provisioned.alive -= 1;
            pool.fill();
        }
    }
}

impl Pools {
    /// Keeps `target` environments of `version` ready from now on; surplus ones end when they are idle.
    pub fn provision(&self, version: &Arc<Version>, target: usize) {
        let pool = self.pool(version);
        let (before, surplus) = {
            let mut state = pool.state();
            let provisioned = &mut state.provisioned;
            let before = std::mem::replace(&mut provisioned.target, target);
            provisioned.version = Some(Arc::clone(version));
            provisioned.start_over();
            let count = provisioned.alive.saturating_sub(target).min(provisioned.idle.len());
            (before, provisioned.idle.drain(..count).collect::<Vec<_>>())
        };
        self.entitle(&version.function_arn, &pool.share, before, target);
        surplus.iter().for_each(|environment| environment.retire());
        pool.fill();
        self.0.provisioning.send_replace(());
    }

    /// Forgets that INITs of this function's provisioned environments have failed: they are tried again at once.
    pub fn provision_again(&self, function_arn: &str) {
        for pool in self.pools_of(function_arn) {
            let has_failed = pool.state().provisioned.failures > 0;
            if has_failed {
                pool.state().provisioned.start_over();
                pool.fill();
            }
        }
    }

    /// What is provisioned of a function's versions.
    pub fn provisioned(&self, function_arn: &str) -> Vec<Provisioning> {
        self.pools_of(function_arn).iter().filter_map(|pool| pool.state().provisioned.shown()).collect()
    }

    /// Tells when provisioned environments have become ready, or failed to.
    pub fn provisioning(&self) -> watch::Receiver<()> {
        self.0.provisioning.subscribe()
    }

    pub(crate) fn entitle(&self, function_arn: &str, share: &Share, before: usize, target: usize) {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        share.provision(count(before), count(target));
        self.0.starts.entitle(function_arn, share.entitled());
    }
}

impl Pool {
    /// A provisioned environment that is idle.
    pub(crate) fn take_provisioned(&self) -> Option<Arc<Environment>> {
        loop {
            // One that has ended is dropped without the lock: its place is filled then.
            let environment = self.state().provisioned.idle.pop()?;
            if environment.is_alive() {
                return Some(environment);
            }
        }
    }

    /// Provisions nothing any more; the idle ones are the caller's to end.
    pub(crate) fn unprovision(&self) -> (usize, Vec<Arc<Environment>>) {
        let mut state = self.state();
        let provisioned = &mut state.provisioned;
        (std::mem::take(&mut provisioned.target), std::mem::take(&mut provisioned.idle))
    }

    /// Starts what is missing.
    fn fill(self: &Arc<Self>) {
        let (Some(pools), Ok(runtime)) = (self.pools.upgrade(), Handle::try_current()) else { return };
        let mut state = self.state();
        let provisioned = &mut state.provisioned;
        let Some(version) = provisioned.version.clone() else { return };
        // After a failure one start at a time finds out whether INIT works again.
        while provisioned.alive + provisioned.starting < provisioned.target
            && (provisioned.failures == 0 || provisioned.starting == 0)
        {
            provisioned.starting += 1;
            let pause = pause(provisioned.failures);
            let pool = Arc::clone(self);
            runtime.spawn(pool.start_provisioned(Arc::clone(&pools), Arc::clone(&version), pause));
        }
    }

    async fn start_provisioned(self: Arc<Self>, pools: Arc<Inner>, version: Arc<Version>, pause: Duration) {
        if !pause.is_zero() {
            let again = Arc::clone(&self.state().provisioned.again);
            tokio::select! {
                () = pools.options.env.sleep(pause) => {}
                () = again.notified() => {}
            }
        }
        let granted = pools.starts.request(&version.function_arn, Ring::Provisioned).await;
        let wanted = {
            let mut state = self.state();
            let provisioned = &mut state.provisioned;
            let wanted = provisioned.alive + provisioned.starting <= provisioned.target;
            provisioned.starting -= usize::from(!wanted || granted.is_none());
            wanted
        };
        let Some(grant) = granted.filter(|_| wanted) else { return };
        let budget = version.timeout.max(PROVISIONED_INIT_TIMEOUT);
        match pools.start(grant, &version, Phase::Provisioned, budget).await {
            Ok(environment) => self.provide(&environment),
            Err(failed) => {
                if let Failure::Sandbox(cause) = &failed.failure {
                    tracing::error!(cause, function = version.function_name, "provision an environment");
                }
                let mut state = self.state();
                state.provisioned.starting -= 1;
                state.provisioned.went_wrong(&failed.failure);
            }
        }
        pools.provisioning.send_replace(());
        self.fill();
    }

    /// A provisioned environment is ready.
    fn provide(self: &Arc<Self>, environment: &Arc<Environment>) {
        environment.join(self);
        {
            let mut state = self.state();
            state.provisioned.starting -= 1;
            state.provisioned.went_well();
        }
        self.share.count_provisioned(true);
        environment.take_slot(Slot { pool: Arc::downgrade(self), share: Arc::clone(&self.share) });
        self.offer(environment, Warmth::Fresh);
        if !environment.is_alive() {
            // It ended before it had joined.
            self.forget(environment);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute() {
        let pauses = [0, 1, 2, 3, 6, 7, 8, 100].map(|failures| pause(failures).as_secs());
        assert_eq!(pauses, [0, 1, 2, 4, 32, 60, 60, 60]);
    }
}
