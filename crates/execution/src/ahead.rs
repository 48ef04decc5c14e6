//! Runtimes that were started before anybody asked: an environment's cold start then is to claim one.
//!
//! They hold nothing of any function. How many there are of each kind follows demand: as many as were asked for within
//! a second, at the most, in the last ten minutes. They are made one after the other while no environment starts.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use sandbox::{Booted, Error, Limits, Sandboxes, Spec, Started, Template};
use tokio::sync::Notify;

use crate::launch::Booting;
use crate::limits::TEMPLATE_PROCESSES_MAX;
use crate::pool::Inner;
use crate::runtimes::imported;
use crate::version::Version;

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
/// Counted for a template that is to be made.
const MEMORY_BYTES_OF_A_TEMPLATE: u64 = 80 << 20;
/// Counted for a copy of a template that nobody has measured: what it shares is the template's.
const MEMORY_BYTES_OF_A_COPY: u64 = 4 << 20;
/// All that is forked from one template has its hash seed and addresses in common, so it is made anew after so long.
const TEMPLATE_AGE_MAX: Duration = Duration::from_secs(3600);
/// An account whose functions did not ask for so long has no template any more.
const QUIET_ACCOUNT: Duration = Duration::from_secs(3600);
/// Kinds that are remembered: hosts have a few interpreters, and accounts some versions with snapshots.
const KINDS_MAX: usize = 64;
/// Packages that are remembered to have been looked through.
const PACKAGES_MAX: usize = 10_000;
/// Versions that wait to be looked through; more are looked at when they come again.
const UNSEEN_MAX: usize = 64;

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
    packages: Mutex<Packages>,
    /// Versions that were asked for and nobody has looked through.
    unseen: Mutex<Vec<Version>>,
}

/// Whether packages, each the folders that it is in, gain by what was imported ahead. Those folders never change.
type Packages = HashMap<Vec<PathBuf>, bool>;

/// Kinds that an environment can begin in, the best first.
pub(crate) type Kinds = Vec<Like>;

/// What makes one that waits as good as another.
#[derive(Clone)]
pub(crate) struct Like {
    /// What it is started from.
    pub spec: Spec,
    pub source: Source,
}

impl PartialEq for Like {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.spec == other.spec
    }
}

/// Where one that waits comes from.
#[derive(Clone)]
pub(crate) enum Source {
    /// It is started by itself.
    Program,
    /// It is a copy of a version's snapshot.
    Snapshot(Weak<dyn Template>),
    /// It is forked from a template of its kind that is this account's alone; where there can be none, started by
    /// itself.
    Account(Arc<str>),
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Program, Self::Program) => true,
            (Self::Snapshot(one), Self::Snapshot(other)) => Weak::ptr_eq(one, other),
            (Self::Account(one), Self::Account(other)) => one == other,
            _ => false,
        }
    }
}

/// What a kind is forked from.
enum Origin {
    /// Nothing yet.
    Missing,
    /// There can be none here.
    Impossible,
    Made {
        template: Arc<dyn Template>,
        memory_bytes: u64,
        at: Duration,
    },
}

impl Origin {
    fn template(&self) -> Option<&Arc<dyn Template>> {
        match self {
            Self::Made { template, .. } => Some(template),
            Self::Missing | Self::Impossible => None,
        }
    }
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
    like: Like,
    origin: Origin,
    ready: Vec<Box<dyn Booted>>,
    demand: Demand,
    /// What one uses.
    memory_bytes: u64,
    failed: Option<Duration>,
    /// What it was forked from has ended, and nothing was made since.
    is_bereft: bool,
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
    Boot(Box<Boot>),
    Drop(Vec<Box<dyn Booted>>),
    Nothing,
}

impl Waiting {
    pub(crate) fn new(options: Ahead) -> Self {
        let state = State { is_closed: options.ceiling == 0, ..State::default() };
        Self {
            options,
            state: Mutex::new(state),
            changed: Arc::default(),
            packages: Mutex::default(),
            unseen: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while held")
    }

    fn packages(&self) -> MutexGuard<'_, Packages> {
        self.packages.lock().expect("no panic while held")
    }

    /// Finds out whether a version's package gains by what was imported ahead. May take a while.
    pub(crate) fn look_through(&self, version: &Version) {
        if !version.interpreter.imports_ahead() || self.packages().contains_key(&folders(version)) {
            return;
        }
        let gains = imported::is_for(version);
        let mut packages = self.packages();
        if packages.len() >= PACKAGES_MAX {
            packages.clear();
        }
        packages.insert(folders(version), gains);
    }

    /// The kinds of runtimes that environments of a version can begin in. What nobody has looked through may bring
    /// modules of its own.
    pub(crate) fn choose(&self, version: &Version, booting: Booting) -> Kinds {
        let importing = booting.importing.filter(|_| self.gains(version));
        let importing = importing.map(|spec| (spec, Source::Account(Arc::clone(&version.account))));
        let kinds = importing.into_iter().chain([(booting.plain, Source::Program)]);
        kinds.map(|(spec, source)| Like { spec, source }).collect()
    }

    fn gains(&self, version: &Version) -> bool {
        let found = self.packages().get(&folders(version)).copied();
        if found.is_none() {
            let mut unseen = self.unseen.lock().expect("no panic while held");
            if unseen.len() < UNSEEN_MAX {
                unseen.push(version.clone());
                self.changed.notify_one();
            }
        }
        found.unwrap_or(false)
    }

    /// Starts a sandbox: in a runtime that waits, if there is one like `kind`, else from nothing.
    pub(crate) async fn start(
        &self,
        sandboxes: &dyn Sandboxes,
        spec: Spec,
        kinds: Option<Kinds>,
        now: Duration,
    ) -> sandbox::Result<Started> {
        let claimed = self.claim(&kinds.unwrap_or_default(), &spec, now).await;
        match claimed {
            Some(started) => Ok(started),
            None => sandboxes.start(spec).await,
        }
    }

    /// Starts a copy of a template: one that was made ahead, if there is one, else one made now.
    pub(crate) async fn copy(
        &self,
        template: &Arc<dyn Template>,
        spec: Spec,
        now: Duration,
    ) -> sandbox::Result<Started> {
        let like = Like::copy_of(template, &spec);
        match self.claim(&[like], &spec, now).await {
            Some(started) => Ok(started),
            None => template.start(spec).await,
        }
    }

    async fn claim(&self, kinds: &[Like], spec: &Spec, now: Duration) -> Option<Started> {
        let claimed = match self.take(kinds, now)? {
            Taken::Ready(booted) => booted.claim(spec.clone()).await,
            Taken::Forks(template, nobodys) => match template.hold(*nobodys).await {
                Ok(booted) => booted.claim(spec.clone()).await,
                Err(error) => Err(error),
            },
        };
        claimed.inspect_err(|error| tracing::warn!(%error, "claim what was started ahead")).ok()
    }

    fn take(&self, kinds: &[Like], now: Duration) -> Option<Taken> {
        let mut state = self.state();
        state.asked = Some(now);
        let kind = state.first_of(kinds, now)?;
        kind.demand.asked(now);
        self.changed.notify_one();
        if let Some(booted) = kind.take() {
            return Some(Taken::Ready(booted));
        }
        if let Some(template) = kind.origin.template() {
            return Some(Taken::Forks(Arc::clone(template), Box::new(kind.like.spec.clone())));
        }
        // Until there are some of the best kind.
        let mut others = state.kinds.iter_mut().filter(|kind| kinds.contains(&kind.like));
        others.find_map(Kind::take).map(Taken::Ready)
    }

    /// A function came that will ask for one.
    pub(crate) fn expect(&self, kinds: &[Like], now: Duration) {
        let mut state = self.state();
        if let Some(kind) = state.first_of(kinds, now) {
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
        state.kinds.retain(|kind| !kind.like.is_gone());
        if available.is_some_and(|bytes| bytes < AVAILABLE_BYTES_MIN) {
            state.kinds.iter_mut().for_each(|kind| kind.forget_template());
            let all = state.kinds.iter_mut().flat_map(|kind| kind.ready.drain(..)).collect::<Vec<_>>();
            return if all.is_empty() { Step::Nothing } else { Step::Drop(all) };
        }
        let used = state.kinds.iter().map(Kind::used).sum::<u64>();
        let used_by_accounts =
            state.kinds.iter().filter(|kind| kind.is_accounts()).map(Kind::used).sum::<u64>();
        let latest = state.latest();
        for (kind, is_latest) in state.kinds.iter_mut().zip(latest) {
            let wanted = kind.demand.wanted(now, if is_latest { kind.floor(floor, now) } else { 0 }, ceiling);
            if wanted == 0 || kind.is_old(now) {
                kind.forget_template();
                if !kind.ready.is_empty() {
                    return Step::Drop(std::mem::take(&mut kind.ready));
                }
            }
            let is_failing = kind.is_failing(now);
            if kind.ready.len() > wanted {
                return Step::Drop(kind.ready.drain(wanted..).collect());
            }
            let needed = kind.needed();
            // Templates leave half of it to what all accounts have in common.
            let is_within = used + needed <= memory_bytes_max
                && (!kind.is_accounts() || used_by_accounts + needed <= memory_bytes_max / 2);
            if kind.ready.len() < wanted && !is_failing && is_within {
                return Step::Boot(Box::new(kind.boot()));
            }
        }
        Step::Nothing
    }

    fn add(&self, like: &Like, booted: Box<dyn Booted>) {
        let mut state = self.state();
        // With the kind gone, it is dropped, and so ended.
        if let Some(kind) = state.kinds.iter_mut().find(|kind| kind.like == *like) {
            kind.memory_bytes = booted.memory_bytes().unwrap_or(MEMORY_BYTES_GUESSED);
            (kind.failed, kind.is_bereft) = (None, false);
            kind.ready.insert(0, booted);
        }
    }

    fn add_template(&self, like: &Like, template: Arc<dyn Template>, memory_bytes: u64, at: Duration) {
        let mut state = self.state();
        if let Some(kind) = state.kinds.iter_mut().find(|kind| kind.like == *like) {
            kind.origin = Origin::Made { template, memory_bytes, at };
            // Until one was measured.
            kind.memory_bytes = MEMORY_BYTES_OF_A_COPY;
        }
    }

    /// Where no template can be had, each is started by itself.
    fn no_template(&self, like: &Like) {
        let mut state = self.state();
        if let Some(kind) = state.kinds.iter_mut().find(|kind| kind.like == *like) {
            kind.origin = Origin::Impossible;
        }
    }

    fn failed(&self, like: &Like, now: Duration) {
        let mut state = self.state();
        if let Some(kind) = state.kinds.iter_mut().find(|kind| kind.like == *like) {
            // A template may have been ended; another is made at once, but not one after the other.
            let is_lost = kind.origin.template().is_some() && !kind.is_bereft;
            kind.is_bereft = is_lost;
            kind.failed = (!is_lost).then_some(now);
            kind.forget_template();
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
    /// The best that can be started.
    fn first_of(&mut self, kinds: &[Like], now: Duration) -> Option<&mut Kind> {
        let is_failing =
            |like: &&Like| self.kinds.iter().any(|kind| kind.like == **like && kind.is_failing(now));
        let like = kinds.iter().find(|like| !is_failing(like)).or(kinds.last())?;
        self.kind(like.clone(), now)
    }

    fn kind(&mut self, like: Like, now: Duration) -> Option<&mut Kind> {
        if self.is_closed {
            return None;
        }
        let at = self.kinds.iter().position(|kind| kind.like == like).unwrap_or_else(|| {
            if self.kinds.len() >= KINDS_MAX {
                let oldest = (0..self.kinds.len()).min_by_key(|at| self.kinds[*at].demand.last);
                oldest.map(|at| self.kinds.remove(at));
            }
            let demand = Demand::expected(now);
            let memory_bytes = MEMORY_BYTES_GUESSED;
            let origin = Origin::Missing;
            self.kinds.push(Kind {
                like,
                origin,
                ready: Vec::new(),
                demand,
                memory_bytes,
                failed: None,
                is_bereft: false,
            });
            self.kinds.len() - 1
        });
        self.kinds.get_mut(at)
    }

    /// Of each kind, whether it is the one asked for last of its interpreter, or of its template. Others are what it was
    /// started with once, such as our bootstrap before it was compiled, and may go.
    fn latest(&self) -> Vec<bool> {
        let newer = |kind: &Kind| {
            let like = |other: &&Kind| kind.like.replaces(&other.like);
            self.kinds.iter().filter(like).any(|other| other.demand.last > kind.demand.last)
        };
        self.kinds.iter().map(|kind| !newer(kind)).collect()
    }
}

impl Like {
    /// Of what `template` is copied for by `spec`.
    pub(crate) fn copy_of(template: &Arc<dyn Template>, spec: &Spec) -> Self {
        // What differs from one environment to the next does not count.
        let spec = Spec { id: "copied".to_owned(), env: Vec::new(), ..spec.clone() };
        Self { spec, source: Source::Snapshot(Arc::downgrade(template)) }
    }

    fn is_gone(&self) -> bool {
        matches!(&self.source, Source::Snapshot(template) if template.strong_count() == 0)
    }

    /// Whether who has one of these has no need of `other`.
    fn replaces(&self, other: &Self) -> bool {
        self.source == other.source && self.spec.program == other.spec.program
    }
}

/// What was found for who asked.
enum Taken {
    Ready(Box<dyn Booted>),
    /// Nothing is ready, but it can be forked: from this, for this.
    Forks(Arc<dyn Template>, Box<Spec>),
}

/// What is to be started.
struct Boot {
    like: Like,
    /// What it is forked from; absent where that has to be made first.
    template: Option<Arc<dyn Template>>,
    forks: bool,
}

/// What was started.
enum Made {
    Booted(Box<dyn Booted>),
    Template(Arc<dyn Template>, u64),
}

impl Boot {
    async fn make(&self, sandboxes: &dyn Sandboxes) -> sandbox::Result<Made> {
        let spec = self.like.spec.clone();
        if let Some(template) = &self.template {
            return template.hold(spec).await.map(Made::Booted);
        }
        if let Source::Snapshot(_) = self.like.source {
            return Err(Error::Spawner("the template is gone".to_owned()));
        }
        if !self.forks {
            return sandboxes.boot(spec).await.map(Made::Booted);
        }
        let limits = Limits { processes: TEMPLATE_PROCESSES_MAX, ..spec.limits };
        let booted = sandboxes.boot(Spec { limits, ..spec }).await?;
        let memory_bytes = booted.memory_bytes().unwrap_or(MEMORY_BYTES_GUESSED);
        let template = booted.into_template().await?;
        Ok(Made::Template(Arc::from(template), memory_bytes))
    }
}

impl Kind {
    /// The one that has waited longest, so that none grows old.
    fn take(&mut self) -> Option<Box<dyn Booted>> {
        while let Some(booted) = self.ready.pop() {
            if booted.is_alive() {
                return Some(booted);
            }
        }
        None
    }

    fn boot(&self) -> Boot {
        let template = match &self.like.source {
            Source::Program => None,
            Source::Snapshot(template) => template.upgrade(),
            Source::Account(_) => self.origin.template().cloned(),
        };
        let is_missing = matches!(self.origin, Origin::Missing);
        let forks = is_missing && matches!(self.like.source, Source::Account(_));
        Boot { like: self.like.clone(), template, forks }
    }

    fn forget_template(&mut self) {
        if self.origin.template().is_some() {
            self.origin = Origin::Missing;
        }
    }

    /// How many to have at least. An account that is quiet for long needs no template of its own.
    fn floor(&self, floor: usize, now: Duration) -> usize {
        match &self.like.source {
            Source::Program => floor,
            Source::Snapshot(_) => floor.min(1),
            Source::Account(_) if now.saturating_sub(self.demand.last) > QUIET_ACCOUNT => 0,
            Source::Account(_) => floor,
        }
    }

    /// Whether what it is forked from was forked from for long enough.
    fn is_old(&self, now: Duration) -> bool {
        matches!(self.origin, Origin::Made { at, .. } if now.saturating_sub(at) > TEMPLATE_AGE_MAX)
    }

    fn is_failing(&self, now: Duration) -> bool {
        self.failed.is_some_and(|at| now.saturating_sub(at) < RETRY_AFTER)
    }

    fn is_accounts(&self) -> bool {
        matches!(self.like.source, Source::Account(_))
    }

    /// What it takes to start one more.
    fn needed(&self) -> u64 {
        let is_missing = self.is_accounts() && matches!(self.origin, Origin::Missing);
        if is_missing { MEMORY_BYTES_OF_A_TEMPLATE } else { self.memory_bytes }
    }

    fn used(&self) -> u64 {
        let ready = self.ready.iter().map(|booted| booted.memory_bytes().unwrap_or(MEMORY_BYTES_GUESSED));
        let template = if let Origin::Made { memory_bytes, .. } = self.origin { memory_bytes } else { 0 };
        ready.sum::<u64>() + template
    }
}

fn folders(version: &Version) -> Vec<PathBuf> {
    std::iter::once(&version.code_dir).chain(&version.opt_dirs).cloned().collect()
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
        look_through_unseen(&pools).await;
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

/// Looks through the packages of functions that were there before the platform began.
async fn look_through_unseen(pools: &Weak<Inner>) {
    let Some(inner) = pools.upgrade() else { return };
    let unseen = std::mem::take(&mut *inner.ahead.unseen.lock().expect("no panic while held"));
    if !unseen.is_empty() {
        let look = move || unseen.iter().for_each(|version| inner.ahead.look_through(version));
        // One that can't be read is one that brings something.
        let _ = tokio::task::spawn_blocking(look).await;
    }
}

impl Inner {
    /// Starts a runtime that is missing, or ends those that are too many; `false` if all is as it should be.
    async fn step_ahead(&self) -> bool {
        let (sandboxes, env) = (&self.options.sandboxes, &self.options.env);
        let boot = match self.ahead.next(env.monotonic(), sandboxes.memory_available()) {
            Step::Boot(boot) => *boot,
            Step::Drop(ended) => {
                drop(ended);
                return true;
            }
            Step::Nothing => return false,
        };
        let made = tokio::select! {
            made = boot.make(&**sandboxes) => made,
            () = env.sleep(BOOT_MAX) => Err(Error::Spawner("the runtime is not ready in time".to_owned())),
        };
        let like = &boot.like;
        match made {
            Ok(Made::Booted(booted)) => self.ahead.add(like, booted),
            Ok(Made::Template(template, bytes)) => {
                self.ahead.add_template(like, template, bytes, env.monotonic())
            }
            Err(Error::Unsupported { .. }) if boot.forks => self.ahead.no_template(like),
            Err(error @ Error::NoSnapshot(_)) if boot.forks => {
                tracing::warn!(%error, "make a template");
                self.ahead.no_template(like);
            }
            Err(Error::Unsupported { .. }) if boot.template.is_none() => self.ahead.close(),
            Err(error) if like.is_gone() => tracing::debug!(%error, "copy a template that is gone"),
            Err(error) => {
                tracing::warn!(%error, program = %like.spec.program.display(), "start a runtime ahead");
                self.ahead.failed(like, env.monotonic());
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
