//! Runtimes that were started before anybody asked: an environment's cold start then is to claim one.
//!
//! They hold nothing of any function. How many there are of each kind follows demand: as many as were asked for within
//! a second, at the most, in the last ten minutes. They are made one after the other while no environment starts.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use sandbox::{Booted, Error, Sandboxes, Spec, Started};
use tokio::sync::Notify;

use crate::pool::Inner;

/// Demand is forgotten after so long.
const REMEMBERED: Duration = Duration::from_secs(600);
/// Asked for within so long, runtimes are needed at once.
const BURST: Duration = Duration::from_secs(1);
/// None is started so soon after one was asked for: that environment is starting.
const QUIET: Duration = Duration::from_millis(40);
/// How often it is asked whether fewer would do, and whether memory is short.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// One that is not ready by then never will be.
const BOOT_MAX: Duration = Duration::from_secs(10);
/// Of a kind that could not be started, another is tried after so long.
const RETRY_AFTER: Duration = Duration::from_secs(60);
/// With less to be had, the host needs it for other things.
const AVAILABLE_BYTES_MIN: u64 = 256 << 20;
/// Counted for one that nobody has measured.
const MEMORY_BYTES_GUESSED: u64 = 32 << 20;
/// Kinds that are remembered; hosts have a few interpreters.
const KINDS_MAX: usize = 16;

/// How many runtimes are started ahead.
#[derive(Clone, Copy, Debug)]
pub struct Ahead {
    /// So many at least of each kind that functions have, a language's interpreter.
    pub floor: usize,
    /// And so many at most. With 0 there are none.
    pub ceiling: usize,
    /// Memory that all of them may use together, in bytes.
    pub memory_bytes_max: u64,
}

pub(crate) struct Waiting {
    options: Ahead,
    state: Mutex<State>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    kinds: Vec<Kind>,
    /// When one was asked for last.
    asked: Option<Duration>,
    /// The host can't, or everything is ending.
    is_closed: bool,
}

/// Runtimes that are the same.
struct Kind {
    /// What they are started from.
    spec: Spec,
    ready: Vec<Box<dyn Booted>>,
    demand: Demand,
    /// What one uses.
    memory_bytes: u64,
    failed: Option<Duration>,
}

/// How many were needed at once. Times by the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Demand {
    /// When they were asked for last, or a function came that will.
    last: Duration,
    burst_began: Duration,
    in_burst: usize,
    most: usize,
    most_at: Duration,
}

impl Demand {
    fn expected(now: Duration) -> Self {
        Self { last: now, burst_began: now, in_burst: 0, most: 0, most_at: now }
    }

    fn asked(&mut self, now: Duration) {
        self.last = now;
        if now.saturating_sub(self.burst_began) > BURST {
            (self.burst_began, self.in_burst) = (now, 0);
        }
        self.in_burst += 1;
        if self.in_burst >= self.most || now.saturating_sub(self.most_at) > REMEMBERED {
            (self.most, self.most_at) = (self.in_burst, now);
        }
    }

    /// How many to have, when `floor` is kept in any case.
    fn wanted(&self, now: Duration, floor: usize, ceiling: usize) -> usize {
        let is_recent = now.saturating_sub(self.most_at) <= REMEMBERED;
        self.most.min(if is_recent { ceiling } else { 0 }).max(floor).min(ceiling)
    }
}

/// What is to be done next.
enum Step {
    Boot(Box<Spec>),
    Drop(Vec<Box<dyn Booted>>),
    Nothing,
}

impl Waiting {
    pub(crate) fn new(options: Ahead) -> Self {
        let state = State { is_closed: options.ceiling == 0, ..State::default() };
        Self { options, state: Mutex::new(state), changed: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    /// Starts a sandbox: in a runtime that waits, if there is one like `kind`, else from nothing.
    pub(crate) async fn start(
        &self,
        sandboxes: &dyn Sandboxes,
        spec: Spec,
        kind: Option<Spec>,
        now: Duration,
    ) -> sandbox::Result<Started> {
        if let Some(booted) = kind.and_then(|kind| self.take(kind, now)) {
            match booted.claim(spec.clone()).await {
                Ok(started) => return Ok(started),
                Err(error) => tracing::warn!(%error, "claim a runtime that was started ahead"),
            }
        }
        sandboxes.start(spec).await
    }

    fn take(&self, kind: Spec, now: Duration) -> Option<Box<dyn Booted>> {
        let mut state = self.state();
        state.asked = Some(now);
        let kind = state.kind(kind, now)?;
        kind.demand.asked(now);
        self.changed.notify_one();
        // The one that has waited longest, so that none grows old.
        while let Some(booted) = kind.ready.pop() {
            if booted.is_alive() {
                return Some(booted);
            }
        }
        None
    }

    /// A function came that will ask for one.
    pub(crate) fn expect(&self, kind: Spec, now: Duration) {
        let mut state = self.state();
        if let Some(kind) = state.kind(kind, now) {
            kind.demand.last = now;
            self.changed.notify_one();
        }
    }

    /// Ends all that wait, and has no more started.
    pub(crate) fn close(&self) {
        let ended = {
            let mut state = self.state();
            state.is_closed = true;
            std::mem::take(&mut state.kinds)
        };
        drop(ended);
        self.changed.notify_one();
    }

    fn next(&self, now: Duration, available: Option<u64>) -> Step {
        let Ahead { floor, ceiling, memory_bytes_max } = self.options;
        let mut state = self.state();
        state.kinds.iter_mut().for_each(|kind| kind.ready.retain(|booted| booted.is_alive()));
        if available.is_some_and(|bytes| bytes < AVAILABLE_BYTES_MIN) {
            let all = state.kinds.iter_mut().flat_map(|kind| kind.ready.drain(..)).collect::<Vec<_>>();
            return if all.is_empty() { Step::Nothing } else { Step::Drop(all) };
        }
        let used = state.kinds.iter().map(Kind::used).sum::<u64>();
        let latest = state.latest();
        for (kind, is_latest) in state.kinds.iter_mut().zip(latest) {
            let wanted = kind.demand.wanted(now, if is_latest { floor } else { 0 }, ceiling);
            let is_failing = kind.failed.is_some_and(|at| now.saturating_sub(at) < RETRY_AFTER);
            if kind.ready.len() > wanted {
                return Step::Drop(kind.ready.drain(wanted..).collect());
            }
            if kind.ready.len() < wanted && !is_failing && used + kind.memory_bytes <= memory_bytes_max {
                return Step::Boot(Box::new(kind.spec.clone()));
            }
        }
        Step::Nothing
    }

    fn add(&self, spec: &Spec, booted: Box<dyn Booted>) {
        let mut state = self.state();
        // With the kind gone, it is dropped, and so ended.
        if let Some(kind) = state.kinds.iter_mut().find(|kind| kind.spec == *spec) {
            kind.memory_bytes = booted.memory_bytes().unwrap_or(MEMORY_BYTES_GUESSED);
            kind.failed = None;
            kind.ready.insert(0, booted);
        }
    }

    fn failed(&self, spec: &Spec, now: Duration) {
        let mut state = self.state();
        if let Some(kind) = state.kinds.iter_mut().find(|kind| kind.spec == *spec) {
            kind.failed = Some(now);
        }
    }

    /// How long environments that are starting have the processor for themselves.
    fn quiet_for(&self, now: Duration) -> Option<Duration> {
        let until = self.state().asked? + QUIET;
        (until > now).then(|| until - now)
    }

    fn waits(&self) -> bool {
        self.state().kinds.iter().any(|kind| !kind.ready.is_empty())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.changed.notify_one();
    }
}

impl State {
    fn kind(&mut self, spec: Spec, now: Duration) -> Option<&mut Kind> {
        if self.is_closed {
            return None;
        }
        let at = self.kinds.iter().position(|kind| kind.spec == spec).unwrap_or_else(|| {
            if self.kinds.len() >= KINDS_MAX {
                let oldest = (0..self.kinds.len()).min_by_key(|at| self.kinds[*at].demand.last);
                oldest.map(|at| self.kinds.remove(at));
            }
            let demand = Demand::expected(now);
            let memory_bytes = MEMORY_BYTES_GUESSED;
            self.kinds.push(Kind { spec, ready: Vec::new(), demand, memory_bytes, failed: None });
            self.kinds.len() - 1
        });
        self.kinds.get_mut(at)
    }

    /// Of each kind, whether it is the one asked for last of its interpreter. Others are what it was started with once,
    /// such as our bootstrap before it was compiled, and may go.
    fn latest(&self) -> Vec<bool> {
        let newer = |kind: &Kind| {
            let like = |other: &&Kind| other.spec.program == kind.spec.program;
            self.kinds.iter().filter(like).any(|other| other.demand.last > kind.demand.last)
        };
        self.kinds.iter().map(|kind| !newer(kind)).collect()
    }
}

impl Kind {
    fn used(&self) -> u64 {
        self.ready.iter().map(|booted| booted.memory_bytes().unwrap_or(MEMORY_BYTES_GUESSED)).sum()
    }
}

/// Keeps as many runtimes as are needed, until the pools are gone.
pub(crate) async fn keep(pools: Weak<Inner>) {
    loop {
        let Some((env, changed, waits)) = pools
            .upgrade()
            .map(|pools| (pools.options.env.clone(), Arc::clone(&pools.ahead.changed), pools.ahead.waits()))
        else {
            return;
        };
        tokio::select! {
            () = changed.notified() => {}
            () = env.sleep(LOOK_EVERY), if waits => {}
        }
        loop {
            let Some(inner) = pools.upgrade() else { return };
            if let Some(quiet) = inner.ahead.quiet_for(env.monotonic()) {
                drop(inner);
                env.sleep(quiet).await;
            } else if !inner.step_ahead().await {
                break;
            }
        }
    }
}

impl Inner {
    /// Starts a runtime that is missing, or ends those that are too many; `false` if all is as it should be.
    async fn step_ahead(&self) -> bool {
        let (sandboxes, env) = (&self.options.sandboxes, &self.options.env);
        let spec = match self.ahead.next(env.monotonic(), sandboxes.memory_available()) {
            Step::Boot(spec) => *spec,
            Step::Drop(ended) => {
                drop(ended);
                return true;
            }
            Step::Nothing => return false,
        };
        let booted = tokio::select! {
            booted = sandboxes.boot(spec.clone()) => booted,
            () = env.sleep(BOOT_MAX) => Err(Error::Spawner("the runtime is not ready in time".to_owned())),
        };
        match booted {
            Ok(booted) => self.ahead.add(&spec, booted),
            Err(Error::Unsupported { .. }) => self.ahead.close(),
            Err(error) => {
                tracing::warn!(%error, program = %spec.program.display(), "start a runtime ahead");
                self.ahead.failed(&spec, env.monotonic());
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_wanted_as_were_needed_at_once() {
        let check = |asked_ms: &[u64], now_s: u64, (floor, ceiling), expected: usize| {
            let mut demand = Demand::expected(Duration::ZERO);
            asked_ms.iter().for_each(|at| demand.asked(Duration::from_millis(*at)));
            let wanted = demand.wanted(Duration::from_secs(now_s), floor, ceiling);
            assert_eq!(wanted, expected, "{asked_ms:?} at {now_s} s, {floor} to {ceiling}");
        };
        check(&[], 1, (1, 8), 1);
        check(&[], 1, (0, 8), 0);
        check(&[0, 2000, 4000], 5, (0, 8), 1);
        check(&[0, 10, 20, 30], 5, (1, 8), 4);
        check(&[0, 10, 20, 30], 5, (1, 3), 3);
        check(&[0, 10, 20, 30, 5000], 500, (1, 8), 4);
        check(&[0, 10, 20, 30], 700, (1, 8), 1);
        check(&[0, 10, 20, 30, 700_000], 701, (0, 8), 1);
        check(&[0, 10], 1, (5, 3), 3);
    }
}
