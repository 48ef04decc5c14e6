//! Pools of environments, one for each version: reuse the warmest, start another when none is idle, take whichever
//! is there first.
//!
//! A waiting invocation asks for one start and is served by the first environment that is freed or ready, so a
//! start that comes late is not waited for. Starts under way are counted against waiters: a burst starts no more
//! environments than it has invocations.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, Weak};
use std::time::Duration;

use env::Env;
use sandbox::{Network, Sandboxes};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Class, Rates, Share};
use crate::ahead::{self, Ahead, Waiting};
use crate::alarms::Alarms;
use crate::closing::failed_in_init;
use crate::environment::{Environment, InitFailure, Parts, Phase};
use crate::invocation::{Failure, Invocation, Outcome, RestoreFailure};
use crate::keep_alive::{Habits, KeepAlive};
use crate::launch::booting_of;
use crate::limits::{INIT_TIMEOUT, Throttled};
use crate::output::LogSink;
use crate::patience::{LULL, Patience};
use crate::provisioned::Provisioned;
use crate::segments::SegmentSink;
use crate::snapshots::Snapshots;
use crate::starts::{Grant, Ring, Starts, Turn};
use crate::stream::Streaming;
use crate::variables::Credentials;
use crate::version::{Version, VersionKey};

/// How long a start keeps others from beginning: an INIT that takes longer mostly waits, and some wait for ever.
const TURN_MAX: Duration = Duration::from_secs(1);

/// How long an environment is still there that is not needed for a while: habits are no promises.
const AWAY_AFTER: Duration = Duration::from_secs(10);

/// Serves a sandbox.
pub type PlatformDoor =
    Box<dyn Fn(std::net::TcpListener, Option<sandbox::Hosts>, CancellationToken) + Send + Sync>;

/// What pools are made with.
pub struct Options {
    pub sandboxes: Arc<dyn Sandboxes>,
    pub sink: Arc<dyn LogSink>,
    /// Where traces are told; `None` when nobody keeps them.
    pub segments: Option<Arc<dyn SegmentSink>>,
    pub env: Env,
    /// The keys that an environment of a version gets.
    pub credentials: Box<dyn Fn(&Version) -> Credentials + Send + Sync>,
    /// Serves the platform's endpoint to a sandbox, and what stands for AWS's hosts, until the token is cancelled.
    pub platform_door: PlatformDoor,
    pub network: Network,
    /// How long a start waits for environments that have answered and are on their way back.
    pub return_grace: Duration,
    /// How long an environment is idle before it is frozen. Long enough that a warm call pays no thaw.
    pub freeze_after: Duration,
    /// How long an environment is idle before it ends.
    pub keep_alive: KeepAlive,
    /// Invocations that may run at once in one account and region.
    pub concurrency_max: usize,
    /// How fast one function may go and grow.
    pub rates: Rates,
    /// Environments that may start at once: more would only slow each other down.
    pub starting_max: usize,
    /// Environments that may exist at once.
    pub environments_max: usize,
    pub streaming: Streaming,
    pub ahead: Ahead,
}

/// Why an invocation did not reach its function.
#[derive(Debug)]
pub enum Refused {
    Throttled(Throttled),
    /// Ours: no environment could be made.
    Sandbox(String),
    /// The snapshot could not be restored.
    Restore(RestoreFailure),
}

/// The pools of all versions. Cheap to clone.
#[derive(Clone)]
pub struct Pools(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) options: Options,
    pools: RwLock<HashMap<VersionKey, Arc<Pool>>>,
    admission: Admission,
    pub(crate) starts: Starts,
    /// Tells of changes of what is provisioned.
    pub(crate) provisioning: watch::Sender<()>,
    pub(crate) alarms: Arc<Alarms>,
    pub(crate) snapshots: Snapshots,
    pub(crate) ahead: Waiting,
}

/// The environments of one version.
pub(crate) struct Pool {
    pub(crate) pools: Weak<Inner>,
    /// Of its function.
    pub(crate) share: Arc<Share>,
    state: Mutex<PoolState>,
}

/// Where an environment joins the idle ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warmth {
    Used,
    Fresh,
}

#[derive(Default)]
pub(crate) struct PoolState {
    /// The last is the warmest.
    idle: Vec<Arc<Environment>>,
    pub(crate) provisioned: Provisioned,
    waiters: VecDeque<oneshot::Sender<Result<Arc<Environment>, InitFailure>>>,
    /// Starts under way or queued; never more than there are waiters when one is added.
    starting: usize,
    /// Environments that have answered and will ask for more in a moment.
    returning: usize,
    patience: Patience,
    /// When callers come.
    habits: Habits,
    /// Whether a start waits for its moment that nobody has asked for yet.
    foreseen: bool,
    retired: bool,
}

impl Pools {
    pub fn new(options: Options) -> Self {
        let inner = Arc::new_cyclic(|inner: &Weak<Inner>| {
            let inner = inner.clone();
            // Ending an environment takes locks that whoever asks may hold.
            let make_room = Box::new(move |count, any| {
                if let (Some(inner), Ok(runtime)) = (inner.upgrade(), Handle::try_current()) {
                    runtime.spawn(async move { inner.end_idle(count, any) });
                }
            });
            Inner {
                admission: Admission::new(options.concurrency_max, options.rates),
                starts: Starts::new(options.starting_max, options.environments_max, make_room),
                ahead: Waiting::new(options.ahead),
                options,
                pools: RwLock::default(),
                provisioning: watch::Sender::default(),
                alarms: Arc::default(),
                snapshots: Snapshots::default(),
            }
        });
        let (alarms, env) = (Arc::clone(&inner.alarms), inner.options.env.clone());
        tokio::spawn(async move { alarms.run(&env).await });
        tokio::spawn(ahead::keep(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// Environments of `version` will be needed: a runtime that they can begin in may be started ahead.
    pub fn foresee(&self, version: &Version) {
        let Some(booting) = booting_of(&self.0.options, version) else { return };
        let looks = booting.importing.is_some();
        let (inner, version) = (Arc::clone(&self.0), version.clone());
        let expect = move || {
            inner.ahead.look_through(&version);
            let kinds = inner.ahead.choose(&version, booting);
            inner.ahead.expect(&kinds, inner.options.env.monotonic());
        };
        if looks {
            // Looking through a package takes its time.
            tokio::task::spawn_blocking(expect);
        } else {
            expect();
        }
    }

    /// Invocations that may run at once in one account and region.
    pub fn concurrency_max(&self) -> usize {
        self.0.options.concurrency_max
    }

    /// Whether everything is being ended.
    pub fn is_closing(&self) -> bool {
        self.0.starts.is_closed()
    }

    /// Environments that wait for work.
    pub fn idle(&self) -> usize {
        let pools = self.0.pools.read().expect("no panic while held");
        let idle = |state: MutexGuard<'_, PoolState>| state.idle.len() + state.provisioned.idle.len();
        pools.values().map(|pool| idle(pool.state())).sum()
    }

    /// Runs one invocation of `version`.
    ///
    /// # Errors
    /// When too many run, or when no environment can be made; a failure of the function is an outcome.
    pub async fn invoke(&self, version: &Arc<Version>, invocation: Invocation) -> Result<Outcome, Refused> {
        let traced = invocation.sampled.clone().map(|sampled| (sampled, Arc::clone(&invocation.request_id)));
        let outcome = self.run(version, invocation).await;
        if let (Err(Refused::Throttled(_)), Some((sampled, request_id))) = (&outcome, traced)
            && let Some(segments) = &self.0.options.segments
        {
            segments.throttled(version, &sampled, &request_id);
        }
        outcome
    }

    async fn run(&self, version: &Arc<Version>, invocation: Invocation) -> Result<Outcome, Refused> {
        let pool = self.pool(version);
        let now = self.0.options.env.monotonic();
        if let Some(environment) = pool.take_provisioned() {
            return match pool.share.admit(Class::Provisioned, now) {
                Ok(_running) => Ok(environment.run(invocation, Duration::ZERO).await),
                Err(throttled) => {
                    pool.offer(&environment, Warmth::Used);
                    Err(Refused::Throttled(throttled))
                }
            };
        }
        let _running = pool.share.admit(Class::OnDemand, now).map_err(Refused::Throttled)?;
        match pool.claim(&self.0, version, now).await.map_err(Refused::Throttled)? {
            Ok(environment) => Ok(environment.run(invocation, Duration::ZERO).await),
            Err(InitFailure { failure: Failure::Sandbox(cause), .. }) => Err(Refused::Sandbox(cause)),
            Err(InitFailure { failure: Failure::Restore(failure), .. }) => Err(Refused::Restore(failure)),
            Err(failed) => Box::pin(self.repeat_init(&pool, version, invocation, failed)).await,
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
            Failure::NoBootstrap | Failure::InvalidEntrypoint(_) | Failure::InvalidWorkingDir(_) => {
                Err(first)
            }
            _ => match pool.start_granted(&self.0, version).await {
                Some(grant) => self.0.start(grant, version, Phase::Invoke, version.timeout).await,
                None => Err(shutting_down()),
            },
        };
        let spent = env.monotonic() - began;
        match again {
            Ok(environment) => {
                environment.join(pool);
                Ok(environment.run(invocation, spent).await)
            }
            Err(InitFailure { failure: Failure::Sandbox(cause), .. }) => Err(Refused::Sandbox(cause)),
            Err(InitFailure { failure: Failure::Restore(failure), .. }) => Err(Refused::Restore(failure)),
            Err(failed) => Ok(failed_in_init(version, &failed, &invocation, spent, env.now())),
        }
    }

    /// Ends every idle environment of a function, or of one `version` of it, of all generations but `keep`; those at
    /// work end when they are done.
    pub fn retire(&self, function_arn: &str, version: Option<&str>, keep: Option<&str>) {
        let kept = |key: &VersionKey| {
            key.function_arn != function_arn
                || version.is_some_and(|version| version != key.version)
                || keep == Some(key.generation.as_str())
        };
        self.0.snapshots.retain(kept);
        let mut pools = self.0.pools.write().expect("no panic while held");
        pools.retain(|key, pool| {
            let kept = kept(key);
            if !kept {
                self.retire_pool(function_arn, pool);
            }
            kept
        });
        drop(pools);
        if version.is_none() && keep.is_none() {
            self.0.admission.forget(function_arn);
            self.0.starts.entitle(function_arn, 0);
        }
    }

    fn retire_pool(&self, function_arn: &str, pool: &Pool) {
        let (target, idle) = pool.unprovision();
        self.entitle(function_arn, &pool.share, target, 0);
        idle.iter().for_each(|environment| environment.retire());
        pool.retire();
    }

    /// Sets concurrency of a function aside, which caps it too; 0 lets nothing run, `None` gives it back.
    pub fn reserve(&self, (account, region): (&str, &str), function_arn: &str, reserved: Option<u32>) {
        let share = self.0.admission.share(function_arn, &account.into(), &region.into());
        share.reserve(reserved);
        self.0.starts.entitle(function_arn, share.entitled());
    }

    /// Ends every environment.
    pub async fn shutdown(&self) {
        self.0.starts.close();
        self.0.ahead.close();
        let pools = std::mem::take(&mut *self.0.pools.write().expect("no panic while held"));
        pools.iter().for_each(|(key, pool)| self.retire_pool(&key.function_arn, pool));
        // Extensions have a little time to send what they gathered.
        self.0.alarms.endings.close();
        self.0.alarms.endings.wait().await;
        self.0.snapshots.retain(|_| false);
        self.0.options.sandboxes.shutdown().await;
    }

    pub(crate) fn pool(&self, version: &Arc<Version>) -> Arc<Pool> {
        let key = version.key();
        if let Some(pool) = self.0.pools.read().expect("no panic while held").get(&key) {
            return Arc::clone(pool);
        }
        let mut pools = self.0.pools.write().expect("no panic while held");
        let pool = pools.entry(key).or_insert_with(|| {
            let (share, state) = (self.0.admission.share_of(version), Mutex::default());
            Arc::new(Pool { pools: Arc::downgrade(&self.0), share, state })
        });
        Arc::clone(pool)
    }

    pub(crate) fn pools_of(&self, function_arn: &str) -> Vec<Arc<Pool>> {
        let pools = self.0.pools.read().expect("no panic while held");
        pools.iter().filter(|(key, _)| key.function_arn == function_arn).map(|(_, p)| Arc::clone(p)).collect()
    }
}

impl Inner {
    pub(crate) async fn start(
        &self,
        grant: Grant,
        version: &Arc<Version>,
        phase: Phase,
        budget: Duration,
    ) -> Result<Arc<Environment>, InitFailure> {
        if version.snap_start {
            return self.start_from_snapshot(grant, version, phase, budget).await;
        }
        let Grant { turn, room } = grant;
        let start = Environment::start(self.parts(), version, room, phase, budget);
        self.in_turn(turn, start).await
    }

    pub(crate) fn parts(&self) -> Parts<'_> {
        Parts { options: &self.options, alarms: &self.alarms, ahead: &self.ahead }
    }

    /// Keeps others from beginning until `start` is done, or has taken long.
    pub(crate) async fn in_turn<T>(&self, turn: Turn, start: impl Future<Output = T>) -> T {
        let mut start = std::pin::pin!(start);
        tokio::select! {
            started = &mut start => return started,
            () = self.options.env.sleep(TURN_MAX) => drop(turn),
        }
        start.await
    }

    /// Makes room: ends so many idle environments.
    fn end_idle(&self, count: usize, any: bool) {
        for ended in 0..count {
            if !self.end_one_idle(any) {
                return self.starts.no_room_made(count - ended);
            }
        }
    }

    /// Ends the coldest idle environment of the version that has most of them; `any` lets it be of a function that
    /// is entitled to its room, if there is no other.
    fn end_one_idle(&self, any: bool) -> bool {
        let within = self.starts.within();
        let coldest = {
            let pools = self.pools.read().expect("no panic while held");
            let idle = |pool: &Pool| pool.state().idle.len();
            let others = pools.iter().filter(|(key, _)| !within.contains(key.function_arn.as_str()));
            let richest = others.map(|(_, pool)| pool).max_by_key(|pool| idle(pool));
            let richest = richest.filter(|pool| idle(pool) > 0);
            let richest = richest.or_else(|| pools.values().filter(|_| any).max_by_key(|pool| idle(pool)));
            richest.and_then(|pool| {
                let mut state = pool.state();
                (!state.idle.is_empty()).then(|| state.idle.remove(0))
            })
        };
        if let Some(environment) = &coldest {
            environment.retire();
        }
        coldest.is_some()
    }
}

impl Pool {
    pub(crate) fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().expect("no panic while held")
    }

    /// An idle environment, or the first that is freed or ready.
    ///
    /// # Errors
    /// When another would have to be started, and the function grows too fast.
    async fn claim(
        self: &Arc<Self>,
        pools: &Arc<Inner>,
        version: &Arc<Version>,
        now: Duration,
    ) -> Result<Result<Arc<Environment>, InitFailure>, Throttled> {
        if let Some(waiting) = self.wait_for_one_at_work(pools, now)
            && let Ok(environment) = waiting.await
        {
            return Ok(Ok(environment));
        }
        let granted = {
            let mut state = self.state();
            while let Some(environment) = state.idle.pop() {
                if environment.is_alive() {
                    state.give_out(&environment);
                    return Ok(Ok(environment));
                }
            }
            let must_start = state.starting <= state.waiters.len();
            if must_start {
                self.share.grow(now)?;
            }
            let (sender, granted) = oneshot::channel();
            state.waiters.push_back(sender);
            if must_start {
                state.starting += 1;
                tokio::spawn(Arc::clone(self).start_one(Arc::clone(pools), Arc::clone(version)));
            }
            granted
        };
        Ok(granted.await.unwrap_or_else(|_| Err(Failure::Sandbox("the pool was dropped".into()).into())))
    }

    /// An invocation has come; the way to an environment that works still, where it is to wait for one.
    fn wait_for_one_at_work(
        self: &Arc<Self>,
        pools: &Inner,
        now: Duration,
    ) -> Option<oneshot::Receiver<Arc<Environment>>> {
        let mut state = self.state();
        state.habits.arrive(now);
        let (environment, is_first) = state.patience.wait(now)?;
        drop(state);
        if is_first {
            tokio::spawn(Arc::clone(self).watch(pools.options.env.clone()));
        }
        Some(environment)
    }

    /// Sees that those who wait for environments at work do so only while some come back.
    async fn watch(self: Arc<Self>, env: Env) {
        loop {
            let served = self.state().patience.served();
            env.sleep(LULL).await;
            if !self.state().patience.is_watched_on(served, env.monotonic()) {
                return;
            }
        }
    }

    /// Waits until an environment for an invocation may be started.
    async fn start_granted(&self, pools: &Inner, version: &Version) -> Option<Grant> {
        let ring = if self.share.has_reserved() { Ring::Reserved } else { Ring::Unreserved };
        pools.starts.request(&version.function_arn, ring).await
    }

    async fn start_one(self: Arc<Self>, pools: Arc<Inner>, version: Arc<Version>) {
        // A caller who calls again at once is quicker than the environment that answered: that one is awaited first.
        if self.state().returning > 0 {
            pools.options.env.sleep(pools.options.return_grace).await;
        }
        let started = match self.start_granted(&pools, &version).await {
            // Environments that were freed meanwhile may have served everybody.
            Some(_) if !self.is_wanted() => return self.share.shrink(),
            Some(grant) => pools.start(grant, &version, Phase::Init, INIT_TIMEOUT).await,
            None => Err(shutting_down()),
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

    /// An environment has answered, after so long, and is not yet back.
    pub(crate) fn expect_back(&self, took: Option<Duration>, now: Duration) {
        let mut state = self.state();
        state.returning += 1;
        if let Some(took) = took {
            state.patience.answered(took, now);
        }
    }

    /// An environment that was given out has ended.
    pub(crate) fn lost(&self) {
        self.state().patience.is_back();
    }

    /// An environment that has answered can work again.
    pub(crate) fn take_back(self: &Arc<Self>, environment: &Arc<Environment>) {
        self.not_expected();
        self.offer(environment, Warmth::Used);
    }

    /// It will not come back, or has.
    pub(crate) fn not_expected(&self) {
        let mut state = self.state();
        state.returning = state.returning.saturating_sub(1);
    }

    /// Takes back an environment that can work: to whoever waits longest, else it is idle.
    pub(crate) fn offer(self: &Arc<Self>, environment: &Arc<Environment>, warmth: Warmth) {
        let mut state = self.state();
        if environment.mark_out(false) {
            state.patience.is_back();
        }
        // Whoever gets it may run it before this goes on.
        state.give_out(environment);
        let mut granted = Ok(Arc::clone(environment));
        while let Some(waiter) = state.waiters.pop_front() {
            // A waiter that is gone gives the environment back.
            match waiter.send(granted) {
                Ok(()) => return,
                Err(back) => granted = back,
            }
        }
        if state.patience.serve(Arc::clone(environment)).is_none() {
            return;
        }
        environment.mark_out(false);
        state.patience.is_back();
        let is_surplus = environment.is_provisioned() && state.provisioned.has_surplus();
        if state.retired || environment.is_old() || is_surplus {
            drop(state);
            return environment.retire();
        }
        let Some(pools) = self.pools.upgrade() else { return };
        let plan = state.habits.plan(pools.options.keep_alive);
        let keep = if warmth == Warmth::Used {
            state.habits.finish(pools.options.env.monotonic());
            if plan.away.is_zero() { plan.until } else { AWAY_AFTER }
        } else {
            plan.until.saturating_sub(plan.away)
        };
        let is_foreseen = !plan.away.is_zero() && !std::mem::replace(&mut state.foreseen, true);
        let idle = state.idle_like(environment);
        let position = if warmth == Warmth::Used { idle.len() } else { 0 };
        idle.insert(position, Arc::clone(environment));
        drop(state);
        environment.rest(keep);
        if is_foreseen {
            let start =
                Arc::clone(self).start_foreseen(Arc::downgrade(&pools), Arc::clone(&environment.version));
            tokio::spawn(start);
        }
        pools.starts.make_room_if_short();
    }

    /// Starts an environment shortly before somebody is likely to call, unless one is there then.
    async fn start_foreseen(self: Arc<Self>, pools: Weak<Inner>, version: Arc<Version>) {
        loop {
            let Some(pools) = pools.upgrade() else { return };
            let now = pools.options.env.monotonic();
            let due = {
                let mut state = self.state();
                let plan = state.habits.plan(pools.options.keep_alive);
                let due = state.habits.last().map(|last| last + plan.away);
                let is_over = state.retired || plan.away.is_zero();
                let due = due.filter(|due| !is_over && *due > now);
                if due.is_none() {
                    state.foreseen = false;
                    let has_some = !state.idle.is_empty() || state.starting > 0 || state.returning > 0;
                    if is_over || has_some {
                        return;
                    }
                }
                due
            };
            let Some(due) = due else { return self.start_now(&pools, &version).await };
            let (env, wait) = (pools.options.env.clone(), due - now);
            drop(pools);
            env.sleep(wait).await;
        }
    }

    async fn start_now(self: &Arc<Self>, pools: &Arc<Inner>, version: &Arc<Version>) {
        let Some(grant) = self.start_granted(pools, version).await else { return };
        match pools.start(grant, version, Phase::Init, INIT_TIMEOUT).await {
            Ok(environment) => {
                environment.join(self);
                self.offer(&environment, Warmth::Fresh);
            }
            // Whoever calls has it tried again, and hears of it.
            Err(failed) => {
                tracing::debug!(?failed.failure, function = version.function_name, "a foreseen start")
            }
        }
    }

    /// Freezes an environment if nobody has claimed it; nobody can while the lock is held.
    pub(crate) fn freeze_idle(&self, environment: &Environment) -> bool {
        let mut state = self.state();
        let idle = state.idle_like(environment).iter().any(|idle| std::ptr::eq(&**idle, environment));
        if idle {
            environment.freeze();
        }
        idle
    }

    /// Takes an environment out if nobody has claimed it.
    pub(crate) fn take_idle(&self, environment: &Environment) -> bool {
        let mut state = self.state();
        let idle = state.idle_like(environment);
        let position = idle.iter().position(|idle| std::ptr::eq(&**idle, environment));
        position.map(|position| idle.remove(position)).is_some()
    }

    /// Drops an environment that has ended.
    pub(crate) fn forget(&self, environment: &Environment) {
        self.take_idle(environment);
    }

    fn retire(&self) {
        let idle = {
            let mut state = self.state();
            state.retired = true;
            state.patience.give_up();
            std::mem::take(&mut state.idle)
        };
        idle.iter().for_each(|environment| environment.retire());
    }
}

impl PoolState {
    fn give_out(&mut self, environment: &Environment) {
        environment.mark_out(true);
        self.patience.given_out();
    }

    /// The idle ones that `environment` is or will be among.
    fn idle_like(&mut self, environment: &Environment) -> &mut Vec<Arc<Environment>> {
        if environment.is_provisioned() { &mut self.provisioned.idle } else { &mut self.idle }
    }
}

pub(crate) fn shutting_down() -> InitFailure {
    Failure::Sandbox("the platform is shutting down".into()).into()
}
