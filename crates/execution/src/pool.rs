//! Pools of environments, one for each version: reuse the warmest, start another when none is idle, take whichever
//! is there first.
//!
//! A waiting invocation asks for one start and is served by the first environment that is freed or ready, so a
//! start that comes late is not waited for. Starts under way are counted against waiters: a burst starts no more
//! environments than it has invocations.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};
use std::time::Duration;

use env::Env;
use sandbox::{Network, Sandboxes};
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::environment::{Environment, InitFailure, Phase, failed_in_init};
use crate::invocation::{Failure, Invocation, Outcome};
use crate::limits::{INIT_TIMEOUT, ThrottleReason, Throttled};
use crate::output::LogSink;
use crate::variables::Credentials;
use crate::version::{Version, VersionKey};

/// What pools are made with.
pub struct Options {
    pub sandboxes: Arc<dyn Sandboxes>,
    pub sink: Arc<dyn LogSink>,
    pub env: Env,
    /// The keys that an environment of a version gets.
    pub credentials: Box<dyn Fn(&Version) -> Credentials + Send + Sync>,
    /// Serves the platform's endpoint to a sandbox until the token is cancelled.
    pub platform_door: Box<dyn Fn(std::net::TcpListener, CancellationToken) + Send + Sync>,
    pub network: Network,
    /// How long an environment is idle before it is frozen. Long enough that a warm call pays no thaw.
    pub freeze_after: Duration,
    /// How long an environment is idle before it ends.
    pub keep_alive: Duration,
    /// Invocations that may run at once in one account and region.
    pub concurrency_max: usize,
    /// Environments that may start at once: more would only slow each other down.
    pub starting_max: usize,
    /// Environments that may exist at once.
    pub environments_max: usize,
}

/// Why an invocation did not reach its function.
#[derive(Debug)]
pub enum Refused {
    Throttled(Throttled),
    /// Ours: no environment could be made.
    Sandbox(String),
}

/// The pools of all versions. Cheap to clone.
#[derive(Clone)]
pub struct Pools(Arc<Inner>);

struct Inner {
    options: Options,
    pools: RwLock<HashMap<VersionKey, Arc<Pool>>>,
    /// Invocations that run, by account and region.
    in_flight: Mutex<HashMap<Place, Arc<AtomicUsize>>>,
    starting: Arc<Semaphore>,
    environments: Arc<Semaphore>,
    /// Starts that wait until another environment has ended.
    short_of_room: AtomicUsize,
    to_freeze: IdleQueue,
    to_end: IdleQueue,
}

/// An account and a region.
type Place = (Arc<str>, Arc<str>);

/// The environments of one version.
pub(crate) struct Pool {
    pools: Weak<Inner>,
    state: Mutex<PoolState>,
}

#[derive(Default)]
struct PoolState {
    /// The last is the warmest.
    idle: Vec<Arc<Environment>>,
    waiters: VecDeque<oneshot::Sender<Result<Arc<Environment>, InitFailure>>>,
    /// Starts under way or queued; never more than there are waiters when one is added.
    starting: usize,
    retired: bool,
}

impl Pools {
    pub fn new(options: Options) -> Self {
        let starting = Arc::new(Semaphore::new(options.starting_max));
        let environments = Arc::new(Semaphore::new(options.environments_max));
        let inner = Arc::new(Inner {
            options,
            pools: RwLock::default(),
            in_flight: Mutex::default(),
            starting,
            environments,
            short_of_room: AtomicUsize::new(0),
            to_freeze: IdleQueue::default(),
            to_end: IdleQueue::default(),
        });
        tokio::spawn(freeze_idle(Arc::downgrade(&inner)));
        tokio::spawn(end_idle(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// Invocations that may run at once in one account and region.
    pub fn concurrency_max(&self) -> usize {
        self.0.options.concurrency_max
    }

    /// Environments that wait for work.
    pub fn idle(&self) -> usize {
        let pools = self.0.pools.read().expect("no panic while held");
        pools.values().map(|pool| pool.state().idle.len()).sum()
    }

    /// Runs one invocation of `version`.
    ///
    /// # Errors
    /// When too many run, or when no environment can be made; a failure of the function is an outcome.
    pub async fn invoke(&self, version: &Arc<Version>, invocation: Invocation) -> Result<Outcome, Refused> {
        let _running = self.admit(version).map_err(Refused::Throttled)?;
        let pool = self.pool(version);
        match pool.claim(&self.0, version).await {
            Ok(environment) => Ok(environment.run(invocation, Duration::ZERO).await),
            Err(InitFailure { failure: Failure::Sandbox(cause), .. }) => Err(Refused::Sandbox(cause)),
            Err(failed) => self.repeat_init(&pool, version, invocation, failed).await,
        }
    }

    /// Lambda's "suppressed init": an INIT that failed is run again within the invocation that waited for it, under
    /// the function's own timeout.
    async fn repeat_init(
        &self,
        pool: &Arc<Pool>,
        version: &Arc<Version>,
        invocation: Invocation,
        first: InitFailure,
    ) -> Result<Outcome, Refused> {
        let env = &self.0.options.env;
        let began = env.monotonic();
        let again = match first.failure {
            Failure::NoBootstrap => Err(first),
            _ => self.0.start(version, Phase::Invoke, version.timeout).await,
        };
        let spent = env.monotonic() - began;
        match again {
            Ok(environment) => {
                environment.join(pool);
                Ok(environment.run(invocation, spent).await)
            }
            Err(InitFailure { failure: Failure::Sandbox(cause), .. }) => Err(Refused::Sandbox(cause)),
            Err(failed) => Ok(failed_in_init(version, &failed, &invocation, spent, env.now())),
        }
    }

    /// Ends every idle environment of a function, of all its versions and generations but `keep`; those at work end
    /// when they are done.
    pub fn retire(&self, function_arn: &str, keep: Option<&str>) {
        let mut pools = self.0.pools.write().expect("no panic while held");
        pools.retain(|key, pool| {
            let kept = key.function_arn != function_arn || keep == Some(key.generation.as_str());
            if !kept {
                pool.retire();
            }
            kept
        });
    }

    /// Ends every environment.
    pub async fn shutdown(&self) {
        let pools = std::mem::take(&mut *self.0.pools.write().expect("no panic while held"));
        pools.values().for_each(|pool| pool.retire());
        self.0.options.sandboxes.shutdown().await;
    }

    fn admit(&self, version: &Version) -> Result<Running, Throttled> {
        let key = (Arc::clone(&version.account), Arc::clone(&version.region));
        let in_flight =
            Arc::clone(self.0.in_flight.lock().expect("no panic while held").entry(key).or_default());
        let running = Running(in_flight);
        if running.0.fetch_add(1, Ordering::AcqRel) >= self.0.options.concurrency_max {
            return Err(Throttled(ThrottleReason::ConcurrentInvocationLimitExceeded));
        }
        Ok(running)
    }

    fn pool(&self, version: &Arc<Version>) -> Arc<Pool> {
        let key = version.key();
        if let Some(pool) = self.0.pools.read().expect("no panic while held").get(&key) {
            return Arc::clone(pool);
        }
        let mut pools = self.0.pools.write().expect("no panic while held");
        let pool = pools
            .entry(key)
            .or_insert_with(|| Arc::new(Pool { pools: Arc::downgrade(&self.0), state: Mutex::default() }));
        Arc::clone(pool)
    }
}

/// One invocation that counts against its account's concurrency.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts one more while it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn one_more(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Inner {
    async fn start(
        self: &Arc<Self>,
        version: &Arc<Version>,
        phase: Phase,
        budget: Duration,
    ) -> Result<Arc<Environment>, InitFailure> {
        let closed = |_| Failure::Sandbox("the platform is shutting down".into());
        let _starting = Arc::clone(&self.starting).acquire_owned().await.map_err(closed)?;
        let permit = match Arc::clone(&self.environments).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _short = Counted::one_more(&self.short_of_room);
                self.end_one_idle();
                Arc::clone(&self.environments).acquire_owned().await.map_err(closed)?
            }
        };
        Environment::start(&self.options, version, permit, phase, budget).await
    }

    /// An environment has become idle: it goes at once if somebody waits for room.
    fn make_room_if_short(&self) {
        if self.short_of_room.load(Ordering::Acquire) > 0 {
            self.end_one_idle();
        }
    }

    /// Makes room: ends the coldest idle environment of the function that has most of them.
    fn end_one_idle(&self) {
        let pools = self.pools.read().expect("no panic while held");
        let richest = pools.values().max_by_key(|pool| pool.state().idle.len());
        let coldest = richest.and_then(|pool| {
            let mut state = pool.state();
            (!state.idle.is_empty()).then(|| state.idle.remove(0))
        });
        if let Some(environment) = coldest {
            environment.retire();
        }
    }
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().expect("no panic while held")
    }

    /// An idle environment, or the first that is freed or ready.
    async fn claim(
        self: &Arc<Self>,
        pools: &Arc<Inner>,
        version: &Arc<Version>,
    ) -> Result<Arc<Environment>, InitFailure> {
        let granted = {
            let mut state = self.state();
            while let Some(environment) = state.idle.pop() {
                if environment.is_alive() {
                    return Ok(environment);
                }
            }
            let (sender, granted) = oneshot::channel();
            state.waiters.push_back(sender);
            if state.starting < state.waiters.len() {
                state.starting += 1;
                tokio::spawn(Arc::clone(self).start_one(Arc::clone(pools), Arc::clone(version)));
            }
            granted
        };
        granted.await.unwrap_or_else(|_| Err(Failure::Sandbox("the pool was dropped".into()).into()))
    }

    async fn start_one(self: Arc<Self>, pools: Arc<Inner>, version: Arc<Version>) {
        let started = pools.start(&version, Phase::Init, INIT_TIMEOUT).await;
        self.state().starting -= 1;
        match started {
            Ok(environment) => {
                environment.join(&self);
                self.offer(&environment);
            }
            Err(failed) => {
                if let Failure::Sandbox(cause) = &failed.failure {
                    tracing::error!(cause, function = version.function_name, "start an environment");
                }
                let waiter = self.state().waiters.pop_front();
                if let Some(waiter) = waiter {
                    let _ = waiter.send(Err(failed));
                }
            }
        }
    }

    /// Takes back an environment that can work: to whoever waits longest, else it is idle.
    pub(crate) fn offer(self: &Arc<Self>, environment: &Arc<Environment>) {
        let Some(pools) = self.pools.upgrade() else { return environment.retire() };
        let mut state = self.state();
        let mut granted = Ok(Arc::clone(environment));
        while let Some(waiter) = state.waiters.pop_front() {
            // A waiter that is gone gives the environment back.
            match waiter.send(granted) {
                Ok(()) => return,
                Err(back) => granted = back,
            }
        }
        if state.retired {
            drop(state);
            return environment.retire();
        }
        let idle_count = environment.idle_count.fetch_add(1, Ordering::AcqRel) + 1;
        state.idle.push(Arc::clone(environment));
        drop(state);
        let due = pools.options.env.monotonic() + pools.options.freeze_after;
        pools.to_freeze.push(Idle {
            due,
            idle_count,
            environment: Arc::downgrade(environment),
            pool: Arc::downgrade(self),
        });
        pools.make_room_if_short();
    }

    /// Drops an environment that has ended.
    pub(crate) fn forget(&self, environment: &Environment) {
        self.state().idle.retain(|idle| !std::ptr::eq(&**idle, environment));
    }

    fn retire(&self) {
        let idle = {
            let mut state = self.state();
            state.retired = true;
            std::mem::take(&mut state.idle)
        };
        idle.iter().for_each(|environment| environment.retire());
    }
}

/// Environments that became idle, in the order of when something is due for them.
#[derive(Default)]
struct IdleQueue {
    entries: Mutex<VecDeque<Idle>>,
    pushed: Notify,
}

struct Idle {
    /// By the monotonic clock.
    due: Duration,
    /// The environment's count at the time: another now means that it was used since.
    idle_count: u64,
    environment: Weak<Environment>,
    pool: Weak<Pool>,
}

impl IdleQueue {
    /// Every entry of a queue is due after the same time, so the order of arrival is the order of due times.
    fn push(&self, idle: Idle) {
        let mut entries = self.entries.lock().expect("no panic while held");
        entries.push_back(idle);
        if entries.len() == 1 {
            self.pushed.notify_one();
        }
    }

    /// The next entry, once it is due.
    async fn due(&self, env: &Env) -> Idle {
        loop {
            let first = self.entries.lock().expect("no panic while held").front().map(|idle| idle.due);
            let Some(due) = first else {
                self.pushed.notified().await;
                continue;
            };
            env.sleep(due.saturating_sub(env.monotonic())).await;
            if let Some(idle) = self.entries.lock().expect("no panic while held").pop_front() {
                return idle;
            }
        }
    }
}

impl Idle {
    /// Runs `act` under the pool's lock, where nobody can claim the environment, if it is idle since.
    fn if_still_idle<T>(&self, act: impl FnOnce(&mut PoolState, usize) -> T) -> Option<T> {
        let (environment, pool) = (self.environment.upgrade()?, self.pool.upgrade()?);
        let mut state = pool.state();
        let position = state.idle.iter().position(|idle| Arc::ptr_eq(idle, &environment))?;
        (environment.idle_count.load(Ordering::Acquire) == self.idle_count).then(|| act(&mut state, position))
    }
}

async fn freeze_idle(inner: Weak<Inner>) {
    while let Some(pools) = inner.upgrade() {
        let mut idle = pools.to_freeze.due(&pools.options.env).await;
        if idle.if_still_idle(|state, position| state.idle[position].freeze()).is_some() {
            idle.due += pools.options.keep_alive;
            pools.to_end.push(idle);
        }
    }
}

async fn end_idle(inner: Weak<Inner>) {
    while let Some(pools) = inner.upgrade() {
        let idle = pools.to_end.due(&pools.options.env).await;
        if let Some(environment) = idle.if_still_idle(|state, position| state.idle.remove(position)) {
            environment.retire();
        }
    }
}
