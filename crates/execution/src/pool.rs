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
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use crate::alarms::Alarms;
use crate::closing::failed_in_init;
use crate::environment::{Environment, InitFailure, Phase};
use crate::invocation::{Failure, Invocation, Outcome};
use crate::limits::{INIT_TIMEOUT, ThrottleReason, Throttled};
use crate::output::LogSink;
use crate::stream::Streaming;
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
    /// How long a start waits for environments that have answered and are on their way back.
    pub return_grace: Duration,
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
    pub streaming: Streaming,
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
    alarms: Arc<Alarms>,
}

/// An account and a region.
type Place = (Arc<str>, Arc<str>);

/// The environments of one version.
pub(crate) struct Pool {
    pools: Weak<Inner>,
    state: Mutex<PoolState>,
}

/// Where an environment joins the idle ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Warmth {
    Used,
    Fresh,
}

#[derive(Default)]
struct PoolState {
    /// The last is the warmest.
    idle: Vec<Arc<Environment>>,
    waiters: VecDeque<oneshot::Sender<Result<Arc<Environment>, InitFailure>>>,
    /// Starts under way or queued; never more than there are waiters when one is added.
    starting: usize,
    /// Environments that have answered and will ask for more in a moment.
    returning: usize,
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
            alarms: Arc::default(),
        });
        let (alarms, env) = (Arc::clone(&inner.alarms), inner.options.env.clone());
        tokio::spawn(async move { alarms.run(&env).await });
        Self(inner)
    }

    /// Invocations that may run at once in one account and region.
    pub fn concurrency_max(&self) -> usize {
        self.0.options.concurrency_max
    }

    /// Whether everything is being ended.
    pub fn is_closing(&self) -> bool {
        self.0.starting.is_closed()
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
            _ => match self.0.starting().await {
                Ok(turn) => self.0.start(turn, version, Phase::Invoke, version.timeout).await,
                Err(closed) => Err(closed),
            },
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

    /// Ends every idle environment of a function, or of one `version` of it, of all generations but `keep`; those at
    /// work end when they are done.
    pub fn retire(&self, function_arn: &str, version: Option<&str>, keep: Option<&str>) {
        let mut pools = self.0.pools.write().expect("no panic while held");
        pools.retain(|key, pool| {
            let kept = key.function_arn != function_arn
                || version.is_some_and(|version| version != key.version)
                || keep == Some(key.generation.as_str());
            if !kept {
                pool.retire();
            }
            kept
        });
    }

    /// Ends every environment.
    pub async fn shutdown(&self) {
        self.0.starting.close();
        let pools = std::mem::take(&mut *self.0.pools.write().expect("no panic while held"));
        pools.values().for_each(|pool| pool.retire());
        // Extensions have a little time to send what they gathered.
        self.0.alarms.endings.close();
        self.0.alarms.endings.wait().await;
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
    /// Waits for a turn to start an environment.
    async fn starting(&self) -> Result<OwnedSemaphorePermit, InitFailure> {
        Arc::clone(&self.starting).acquire_owned().await.map_err(|_| shutting_down())
    }

    async fn start(
        &self,
        _turn: OwnedSemaphorePermit,
        version: &Arc<Version>,
        phase: Phase,
        budget: Duration,
    ) -> Result<Arc<Environment>, InitFailure> {
        let permit = match Arc::clone(&self.environments).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let _short = Counted::one_more(&self.short_of_room);
                self.end_one_idle();
                Arc::clone(&self.environments).acquire_owned().await.map_err(|_| shutting_down())?
            }
        };
        Environment::start((&self.options, &self.alarms), version, permit, phase, budget).await
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
        // A caller who calls again at once is quicker than the environment that answered: that one is awaited first.
        if self.state().returning > 0 {
            pools.options.env.sleep(pools.options.return_grace).await;
        }
        let started = match pools.starting().await {
            // Environments that were freed meanwhile may have served everybody.
            Ok(_) if !self.is_wanted() => return,
            Ok(turn) => pools.start(turn, &version, Phase::Init, INIT_TIMEOUT).await,
            Err(closed) => Err(closed),
        };
        self.state().starting -= 1;
        match started {
            Ok(environment) => {
                environment.join(&self);
                // If nobody needs it any more, it is the coldest: the ones at work stay the first choice.
                self.offer(&environment, Warmth::Fresh);
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

    /// Whether somebody waits for one more start; if not, it is not counted any longer.
    fn is_wanted(&self) -> bool {
        let mut state = self.state();
        let wanted = !state.waiters.is_empty();
        state.starting -= usize::from(!wanted);
        wanted
    }

    /// An environment has answered and is not yet back.
    pub(crate) fn expect_back(&self) {
        self.state().returning += 1;
    }

    /// An environment that has answered can work again.
    pub(crate) fn take_back(&self, environment: &Arc<Environment>) {
        self.not_expected();
        self.offer(environment, Warmth::Used);
    }

    /// It will not come back, or has.
    pub(crate) fn not_expected(&self) {
        let mut state = self.state();
        state.returning = state.returning.saturating_sub(1);
    }

    /// Takes back an environment that can work: to whoever waits longest, else it is idle.
    fn offer(&self, environment: &Arc<Environment>, warmth: Warmth) {
        let mut state = self.state();
        let mut granted = Ok(Arc::clone(environment));
        while let Some(waiter) = state.waiters.pop_front() {
            // A waiter that is gone gives the environment back.
            match waiter.send(granted) {
                Ok(()) => return,
                Err(back) => granted = back,
            }
        }
        if state.retired || environment.is_old() {
            drop(state);
            return environment.retire();
        }
        let position = if warmth == Warmth::Used { state.idle.len() } else { 0 };
        state.idle.insert(position, Arc::clone(environment));
        drop(state);
        environment.rest();
        if let Some(pools) = self.pools.upgrade() {
            pools.make_room_if_short();
        }
    }

    /// Freezes an environment if nobody has claimed it; nobody can while the lock is held.
    pub(crate) fn freeze_idle(&self, environment: &Environment) -> bool {
        let state = self.state();
        let idle = state.idle.iter().any(|idle| std::ptr::eq(&**idle, environment));
        if idle {
            environment.freeze();
        }
        idle
    }

    /// Takes an environment out if nobody has claimed it.
    pub(crate) fn take_idle(&self, environment: &Environment) -> bool {
        let mut state = self.state();
        let position = state.idle.iter().position(|idle| std::ptr::eq(&**idle, environment));
        position.map(|position| state.idle.remove(position)).is_some()
    }

    /// Drops an environment that has ended.
    pub(crate) fn forget(&self, environment: &Environment) {
        self.take_idle(environment);
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

fn shutting_down() -> InitFailure {
    Failure::Sandbox("the platform is shutting down".into()).into()
}
