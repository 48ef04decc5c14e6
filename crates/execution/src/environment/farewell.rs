//! How an environment with extensions ends: the runtime first, then the extensions, each with a little time.

use std::sync::Arc;
use std::time::Duration;

use env::Env;
use sandbox::Signal;
use serde_json::json;

use super::Environment;
use crate::extensions::Occasion;
use crate::invocation::Failure;

/// What everybody gets when there are external extensions.
const EXTERNAL_BUDGET: Duration = Duration::from_secs(2);
/// What the runtime gets of it.
const RUNTIME_SHARE: Duration = Duration::from_millis(300);
/// What the runtime gets when its own, internal extensions are the only ones.
const INTERNAL_BUDGET: Duration = Duration::from_millis(500);

/// Why an environment ends, as its extensions are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Spindown,
    Timeout,
    Failure,
}

impl Reason {
    pub(crate) const fn after(failure: &Failure) -> Self {
        match failure {
            Failure::TimedOut { .. } => Self::Timeout,
            _ => Self::Failure,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Spindown => "SPINDOWN",
            Self::Timeout => "TIMEOUT",
            Self::Failure => "FAILURE",
        }
    }
}

impl Environment {
    /// Ends the environment, with notice; resolves when nothing of it runs any more.
    pub(super) async fn take_leave(self: Arc<Self>, reason: Reason) {
        let env = self.env.clone();
        let has_external = self.runtime().extensions.has_external();
        let budget = if has_external { EXTERNAL_BUDGET } else { INTERNAL_BUDGET };
        let (began, deadline) = (env.monotonic(), env.now().after(budget));
        let left = |share: Duration| (began + share).saturating_sub(env.monotonic());
        self.thaw();
        self.end_runtime(reason, left(if has_external { RUNTIME_SHARE } else { budget }), &env).await;
        {
            let mut output = self.output();
            output.drain();
            output.flush();
        }
        if has_external {
            let subscribers = self.output().telemetry.subscribers();
            let flushed = async {
                for subscriber in &subscribers {
                    subscriber.flush().await;
                }
            };
            // Half of what is left: an extension that does not take its telemetry hears of the end all the same.
            tokio::select! {
                () = flushed => {}
                () = env.sleep(left(budget) / 2) => {}
            }
            let event = json!({
                "eventType": Occasion::Shutdown.name(),
                "shutdownReason": reason.name(),
                "deadlineMs": deadline.as_millis(),
            });
            self.runtime().extensions.tell(Occasion::Shutdown, &event.to_string().into());
            let gone = self.until(|this| !this.runtime().extensions.are_leaving());
            tokio::select! {
                () = gone => {}
                () = env.sleep(left(budget)) => {}
            }
            let mut output = self.output();
            output.drain();
            output.flush();
        }
        self.end();
    }

    /// Asks the runtime to end where there is time for that, and ends it.
    async fn end_runtime(&self, reason: Reason, budget: Duration, env: &Env) {
        let is_gone = || self.until(|this| this.runtime().program_ended);
        if reason == Reason::Spindown && !self.runtime().program_ended {
            // Fails only when there is nothing to signal any more.
            let _ = self.sandbox.signal(Signal::Terminate);
            tokio::select! {
                () = is_gone() => {}
                () = env.sleep(budget) => {}
            }
        }
        let _ = self.sandbox.signal(Signal::Kill);
    }

    /// Waits until something about programs and extensions is so.
    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if is_so(self) {
                return;
            }
            changed.await;
        }
    }
}
