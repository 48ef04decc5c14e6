//! What is due for an environment and when: its timeout, freezing, its end, and its share of the processor.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sandbox::Cpu;

use super::Environment;
use crate::invocation::Failure;

/// How long an alarm for a running invocation is set at most.
const REVIEW_AFTER: Duration = Duration::from_secs(5);
/// How long after the start of its first invocation an environment still has whole cores.
const FIRST_CALL_GRACE: Duration = Duration::from_millis(50);

/// What is due for it, and when its alarm goes off.
#[derive(Default)]
pub(super) struct Due {
    pub doing: Doing,
    /// By the monotonic clock; never later than what is due.
    pub alarm: Option<Duration>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Doing {
    #[default]
    Nothing,
    /// An invocation that may take until then.
    Working { until: Duration },
    /// Idle, ready to go at once.
    Resting { since: Duration },
    /// Idle and stopped.
    Frozen { since: Duration },
}

impl Environment {
    /// It is idle from now on, and ends after so long.
    pub(crate) fn rest(self: &Arc<Self>, keep: Duration) {
        self.keep_ms.store(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.expect(Doing::Resting { since: self.env.monotonic() });
    }

    /// Says what it does from now on, and sees that an alarm goes off when something is due for that.
    pub(super) fn expect(self: &Arc<Self>, doing: Doing) {
        let at = match doing {
            // Long timeouts are looked at now and then, so that few alarms that came to nothing wait with them.
            Doing::Working { until } => until.min(self.env.monotonic() + REVIEW_AFTER),
            Doing::Resting { since } => since + self.freeze_after,
            Doing::Frozen { since } => self.idle_until(since),
            Doing::Nothing => return,
        };
        let mut due = self.due.lock().expect("no panic while held");
        due.doing = doing;
        if due.alarm.is_none_or(|alarm| alarm > at) {
            due.alarm = Some(at);
            self.alarms.set(at, Arc::downgrade(self));
        }
    }

    /// The alarm set for `set_for` went off.
    pub(crate) fn alarm(self: &Arc<Self>, set_for: Duration, now: Duration) {
        let doing = {
            let mut due = self.due.lock().expect("no panic while held");
            if due.alarm != Some(set_for) {
                // An earlier one has taken its place.
                return;
            }
            due.alarm = None;
            due.doing
        };
        match doing {
            Doing::Working { until } if now >= until => self.time_out(),
            Doing::Resting { since } if now >= since + self.freeze_after => {
                if self.pool().is_some_and(|pool| pool.freeze_idle(self)) {
                    self.expect_if(doing, Doing::Frozen { since });
                }
            }
            Doing::Frozen { since } if now >= self.idle_until(since) => {
                if self.pool().is_some_and(|pool| pool.take_idle(self)) {
                    self.retire();
                }
            }
            // It did something else since: what is due now comes later.
            Doing::Working { .. } | Doing::Resting { .. } | Doing::Frozen { .. } => {
                self.expect_if(doing, doing)
            }
            Doing::Nothing => {}
        }
    }

    /// Like `expect`, unless it does something else by now than `still`.
    pub(super) fn expect_if(self: &Arc<Self>, still: Doing, doing: Doing) {
        if self.due.lock().expect("no panic while held").doing == still {
            self.expect(doing);
        }
    }

    pub(super) fn time_out(&self) {
        self.fail(&Failure::TimedOut { seconds: self.version.timeout.as_secs_f64() });
    }

    /// Stops it from using the processor while it waits.
    pub(crate) fn freeze(&self) {
        match self.sandbox.freeze() {
            Ok(()) => {
                self.frozen.send_replace(true);
            }
            Err(error) => tracing::debug!(%error, "freeze an environment"),
        }
    }

    pub(super) fn thaw(&self) {
        if !*self.frozen.borrow() {
            return;
        }
        if let Err(error) = self.sandbox.thaw() {
            tracing::warn!(%error, "thaw an environment");
        }
        self.frozen.send_replace(false);
    }

    /// Gives it its share of the processor, once, shortly after its first invocation began: what that runs for the
    /// first time is initialisation in all but name, and at 128 MB would wait for the next period of the quota.
    pub(super) fn share_cpu_soon(self: &Arc<Self>) {
        if self.shares_cpu.swap(true, Ordering::AcqRel) {
            return;
        }
        let (this, grace) = (Arc::downgrade(self), self.env.sleep(FIRST_CALL_GRACE));
        tokio::spawn(async move {
            grace.await;
            if let Some(this) = this.upgrade()
                && let Err(error) = this.sandbox.set_cpu(Cpu::Share)
                && this.is_alive()
            {
                tracing::warn!(%error, "limit the processor share of an environment");
            }
        });
    }
}
