//! How an invocation ends: with the runtime's answer, or with the last extension that works on it.

use std::sync::Arc;
use std::time::Duration;

use env::Timestamp;
use sandbox::Exit;
use tokio::sync::oneshot;

use super::{Ended, Environment, GONE, Reason, Request};
use crate::closing::close;
use crate::dates::iso8601;
use crate::invocation::Failure;
use crate::logging::Level;
use crate::platform_event::PlatformEvent;
use crate::report::Report;

/// An invocation that is under way. Whoever waits for it may go away; then nobody writes its last lines, and the
/// environment goes back all the same.
pub(super) struct Open<'a> {
    pub environment: &'a Arc<Environment>,
    pub is_closed: bool,
}

/// What is told of the runtime's part in an invocation.
pub(super) struct Current {
    pub request_id: Arc<str>,
    pub trace_id: Option<String>,
    pub began: Duration,
    pub began_at: Timestamp,
    pub answered: Option<Answered>,
}

pub(super) struct Answered {
    pub after: Duration,
    pub at: Timestamp,
    pub produced_bytes: usize,
    pub failure: Option<Failure>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.is_closed {
            self.environment.closed();
        }
    }
}

impl Environment {
    /// The log of the invocation so far.
    pub(super) fn log_tail(&self) -> Vec<u8> {
        let mut output = self.output();
        output.drain();
        output.tail()
    }

    /// The runtime has answered, and an extension works on: the invocation ends with it.
    pub(super) fn close_later(
        self: &Arc<Self>,
        (request, began, spent): (Request, Duration, Duration),
        failure: Option<Failure>,
        done: oneshot::Receiver<Ended>,
    ) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let ended = done.await.unwrap_or(Err(GONE));
            this.close_invocation(&request, began, spent, failure.or(ended.err()).as_ref());
        });
    }

    /// Writes an invocation's last lines; the last of its log. Its environment goes back, or ends.
    pub(super) fn close_invocation(
        self: &Arc<Self>,
        (request_id, trace_id): &Request,
        began: Duration,
        spent: Duration,
        failure: Option<&Failure>,
    ) -> Vec<u8> {
        let duration = (self.env.monotonic() - began + spent).min(self.version.timeout);
        let memory_used_bytes = match failure {
            Some(Failure::Exited(Exit::OutOfMemory)) => Some(u64::from(self.version.memory_mb) << 20),
            _ => self.sandbox.memory_peak_bytes(),
        };
        self.tell_runtime_done(failure);
        let log_tail = {
            let mut output = self.output();
            output.drain();
            output.flush();
            let report = Report {
                request_id,
                trace_id: trace_id.as_deref(),
                duration,
                init: self.init.lock().expect("no panic while held").take(),
                restore: self.restore.lock().expect("no panic while held").take(),
                memory_mb: self.version.memory_mb,
                memory_used_bytes,
                failure,
            };
            close(&mut output, &report, self.env.now());
            output.tail()
        };
        match failure.filter(|failure| failure.is_fatal()) {
            Some(failure) => self.retire_because(Reason::after(failure)),
            None => self.closed(),
        }
        log_tail
    }

    /// An invocation's last lines are written: the environment may go back.
    pub(super) fn closed(self: &Arc<Self>) {
        self.runtime().is_closing = false;
        self.settle();
    }

    /// Tells how the runtime did, once.
    pub(super) fn tell_runtime_done(&self, failure: Option<&Failure>) {
        let Some(current) = self.runtime().current.take() else { return };
        let has_failed =
            failure.is_some() || current.answered.as_ref().is_some_and(|one| one.failure.is_some());
        // Most invocations have nobody to tell.
        if !self.output().notices(if has_failed { Level::Warn } else { Level::Debug }) {
            return;
        }
        let duration = self.env.monotonic() - current.began;
        let (produced_bytes, own_failure, spans) = match &current.answered {
            Some(answered) => {
                let at = iso8601(answered.at);
                let spans = vec![
                    ("responseLatency", iso8601(current.began_at), answered.after),
                    // The platform takes an answer whole, and counts reading it to the latency.
                    ("responseDuration", at.clone(), Duration::ZERO),
                    ("runtimeOverhead", at, duration.saturating_sub(answered.after)),
                ];
                (answered.produced_bytes, answered.failure.as_ref(), spans)
            }
            None => (0, None, Vec::new()),
        };
        self.output().tell(&PlatformEvent::RuntimeDone {
            request_id: &current.request_id,
            trace_id: current.trace_id.as_deref(),
            failure: own_failure.or(failure),
            duration,
            produced_bytes,
            spans: &spans,
        });
    }
}
