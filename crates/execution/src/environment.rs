//! One execution environment: a sandbox, the runtime in it, and the one invocation it works on.

mod snapshot;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use env::{Env, Timestamp};
use sandbox::{Cpu, Exit, Pending, Sandbox, Spec, Started};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::alarms::Alarms;
use crate::invocation::{Failure, Invocation, Outcome};
use crate::limits::{LIFETIME_MAX, TEMPLATE_PROCESSES_MAX};
use crate::output::{LogStream, Output};
use crate::pool::{Options, Pool};
use crate::report::{self, Report};
use crate::runtime_api;
use crate::state::{Event, Refusal, State};
use crate::variables::{Access, ContainerKeys, doors, variables};
use crate::version::Version;

pub(crate) use snapshot::{Restore, Snapshot};

/// An invocation on its way into the sandbox.
pub(crate) struct Work {
    pub invocation: Invocation,
    pub deadline: Timestamp,
}

type Reply = Result<Bytes, Failure>;

/// How long an alarm for a running invocation is set at most.
const REVIEW_AFTER: Duration = Duration::from_secs(5);
/// How long after the start of its first invocation an environment still has whole cores.
const FIRST_CALL_GRACE: Duration = Duration::from_millis(50);

pub(crate) struct Environment {
    pub(crate) version: Arc<Version>,
    kind: Kind,
    /// What it answers SDKs that ask for keys, where they are in no variables.
    pub(crate) keys: Option<ContainerKeys>,
    /// By the monotonic clock.
    born: Duration,
    due: Mutex<Due>,
    alarms: Arc<Alarms>,
    freeze_after: Duration,
    keep_alive: Duration,
    frozen: AtomicBool,
    /// Whether it has had an invocation, and so runs with its share of the processor.
    shares_cpu: AtomicBool,
    sandbox: Box<dyn Sandbox>,
    runtime: Mutex<Runtime>,
    output: Arc<Mutex<Output>>,
    /// How long INIT took; taken by the first invocation's report.
    init: Mutex<Option<Duration>>,
    /// How long its restore took; likewise.
    restore: snapshot::Took,
    /// What it is a copy of, and cannot outlive.
    _origin: Option<Arc<Snapshot>>,
    env: Env,
    tasks: Mutex<JoinSet<()>>,
    stop: CancellationToken,
    /// Where it goes when it is idle again; set once it is ready.
    pool: OnceLock<Weak<Pool>>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Default)]
struct Runtime {
    state: State,
    /// The `next` call that waits for work.
    waiting: Option<oneshot::Sender<Work>>,
    /// Work whose `next` call broke before it got it.
    undelivered: Option<Work>,
    reply: Option<oneshot::Sender<Reply>>,
    ready: Option<oneshot::Sender<Result<(), Failure>>>,
    /// The `restore/next` call that waits for the snapshot.
    restoring: Option<oneshot::Sender<Restore>>,
    /// It has answered, and its pool counts on it.
    is_expected: bool,
    ended: bool,
}

/// What is due for it, and when its alarm goes off.
#[derive(Default)]
struct Due {
    doing: Doing,
    /// By the monotonic clock; never later than what is due.
    alarm: Option<Duration>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Doing {
    #[default]
    Nothing,
    /// An invocation that may take until then.
    Working { until: Duration },
    /// Idle, ready to go at once.
    Resting { since: Duration },
    /// Idle and stopped.
    Frozen { since: Duration },
}

/// An INIT that did not reach its first `next`.
pub(crate) struct InitFailure {
    pub failure: Failure,
    /// Where the invocation that waited for it writes its lines.
    pub output: Option<Arc<Mutex<Output>>>,
}

/// Of a start that was never tried.
impl From<Failure> for InitFailure {
    fn from(failure: Failure) -> Self {
        Self { failure, output: None }
    }
}

/// How an environment came to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    OnDemand,
    /// Its INIT runs to be copied.
    Template,
    /// A copy.
    Restored,
    /// Of a version with SnapStart that can't be copied: it runs its own INIT, hooks included.
    Repeated,
}

impl Kind {
    fn has_snap_start(self) -> bool {
        self != Self::OnDemand
    }
}

/// Where an environment comes from.
struct Origin<'a> {
    kind: Kind,
    /// What keys are asked for with, where they are in no variables.
    token: Option<&'a Arc<str>>,
    snapshot: Option<Arc<Snapshot>>,
}

/// In which phase an INIT runs: before an invocation, or again within one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Init,
    Invoke,
}

impl Environment {
    /// Starts a sandbox and waits for its runtime's first `next`, for at most `budget`.
    pub(crate) async fn start(
        parts: (&Options, &Arc<Alarms>),
        version: &Arc<Version>,
        permit: OwnedSemaphorePermit,
        phase: Phase,
        budget: Duration,
    ) -> Result<Arc<Self>, InitFailure> {
        let kind = if version.snap_start { Kind::Repeated } else { Kind::OnDemand };
        Self::init(parts, version, permit, kind, phase, budget).await
    }

    /// Starts a sandbox and runs INIT in it.
    async fn init(
        (options, alarms): (&Options, &Arc<Alarms>),
        version: &Arc<Version>,
        permit: OwnedSemaphorePermit,
        kind: Kind,
        phase: Phase,
        budget: Duration,
    ) -> Result<Arc<Self>, InitFailure> {
        let env = &options.env;
        let id = env.uuid().simple().to_string();
        let stream = log_stream(version, env.now(), &id);
        let token = version.snap_start.then(|| Arc::<str>::from(env.uuid().simple().to_string()));
        let mut spec = spec(options, version, &id, &stream.name, token.as_ref());
        if kind == Kind::Template {
            spec.limits.processes = TEMPLATE_PROCESSES_MAX;
        }
        let output = Arc::new(Mutex::new(Output::new(stream, Arc::clone(&options.sink), env.clone())));
        let failed = |failure| InitFailure { failure, output: Some(Arc::clone(&output)) };
        version.interpreter.check(&version.code_dir).map_err(failed)?;
        let began = env.monotonic();
        let started = options.sandboxes.start(spec).await.map_err(|error| failed(start_failure(&error)))?;
        let origin = Origin { kind, token: token.as_ref(), snapshot: None };
        let (this, ready, exit) =
            Self::assemble((options, alarms), version, permit, &output, started, origin).map_err(failed)?;
        if phase == Phase::Init {
            this.output().say(report::init_start(version));
        }
        this.watch_exit(exit);
        let outcome = tokio::select! {
            outcome = ready => outcome.unwrap_or(Err(Failure::Sandbox("the runtime was dropped".into()))),
            () = env.sleep(budget) => Err(Failure::TimedOut { seconds: budget.as_secs_f64() }),
        };
        let took = env.monotonic() - began;
        match outcome {
            Ok(()) => {
                if phase == Phase::Init {
                    *this.init.lock().expect("no panic while held") = Some(took);
                }
                Ok(this)
            }
            Err(failure) => Err(this.fail_init(failure, phase, took)),
        }
    }

    #[expect(clippy::type_complexity, reason = "the three parts of one start")]
    fn assemble(
        (options, alarms): (&Options, &Arc<Alarms>),
        version: &Arc<Version>,
        permit: OwnedSemaphorePermit,
        output: &Arc<Mutex<Output>>,
        started: Started,
        origin: Origin<'_>,
    ) -> Result<(Arc<Self>, oneshot::Receiver<Result<(), Failure>>, Pending<'static, Exit>), Failure> {
        let ours = |error: std::io::Error| Failure::Sandbox(error.to_string());
        let pipe = Arc::new(pipe::Receiver::from_owned_fd(started.output).map_err(ours)?);
        let listener = TcpListener::from_std(started.runtime_api).map_err(ours)?;
        output.lock().expect("no panic while held").attach(Arc::clone(&pipe));
        let (sender, ready) = oneshot::channel();
        let keys = origin.token.map(|token| ContainerKeys {
            token: Arc::clone(token),
            credentials: (options.credentials)(version),
            expires: iso8601(options.env.now().after(LIFETIME_MAX)),
        });
        let this = Arc::new(Self {
            version: Arc::clone(version),
            kind: origin.kind,
            keys,
            born: options.env.monotonic(),
            due: Mutex::default(),
            alarms: Arc::clone(alarms),
            freeze_after: options.freeze_after,
            keep_alive: options.keep_alive,
            frozen: AtomicBool::new(false),
            shares_cpu: AtomicBool::new(false),
            sandbox: started.sandbox,
            runtime: Mutex::new(Runtime { ready: Some(sender), ..Runtime::default() }),
            output: Arc::clone(output),
            init: Mutex::new(None),
            restore: Mutex::new(None),
            _origin: origin.snapshot,
            env: options.env.clone(),
            tasks: Mutex::default(),
            stop: CancellationToken::new(),
            pool: OnceLock::new(),
            _permit: permit,
        });
        {
            let mut tasks = this.tasks.lock().expect("no panic while held");
            tasks.spawn(runtime_api::serve(Arc::clone(&this), listener));
            tasks.spawn(read_output(pipe, Arc::clone(output)));
        }
        (options.platform_door)(started.platform, this.stop.clone());
        Ok((this, ready, started.exit))
    }

    /// Tells whoever waits when the program ends. The task holds no strong reference: dropping the environment
    /// kills the sandbox, which ends the task.
    fn watch_exit(self: &Arc<Self>, exit: Pending<'static, Exit>) {
        let this = Arc::downgrade(self);
        tokio::spawn(async move {
            let exit = exit.await;
            if let Some(this) = this.upgrade() {
                this.ended(exit);
            }
        });
    }

    fn ended(&self, exit: Exit) {
        self.output().drain();
        let mut runtime = self.runtime();
        runtime.ended = true;
        runtime.waiting = None;
        if let Some(ready) = runtime.ready.take() {
            let _ = ready.send(Err(Failure::Exited(exit)));
        }
        if let Some(reply) = runtime.reply.take() {
            let _ = reply.send(Err(Failure::Exited(exit)));
        }
        drop(runtime);
        if let Some(pool) = self.pool() {
            pool.forget(self);
        }
        self.retire();
    }

    fn fail_init(self: Arc<Self>, failure: Failure, phase: Phase, took: Duration) -> InitFailure {
        self.retire();
        let mut output = self.output();
        output.drain();
        output.flush();
        let phase = if phase == Phase::Init { "init" } else { "invoke" };
        output.say(report::init_report(took, phase, &failure));
        drop(output);
        InitFailure { failure, output: Some(Arc::clone(&self.output)) }
    }

    /// Says to which pool the environment belongs from now on.
    pub(crate) fn join(&self, pool: &Arc<Pool>) {
        let _ = self.pool.set(Arc::downgrade(pool));
    }

    /// Whether it has lived long enough.
    pub(crate) fn is_old(&self) -> bool {
        self.env.monotonic() - self.born > LIFETIME_MAX
    }

    /// Whether its runtime can take work.
    pub(crate) fn is_alive(&self) -> bool {
        !self.runtime().ended
    }

    /// Kills everything in it.
    pub(crate) fn retire(&self) {
        let was_expected = {
            let mut runtime = self.runtime();
            runtime.ended = true;
            std::mem::take(&mut runtime.is_expected)
        };
        if let Some(pool) = self.pool().filter(|_| was_expected) {
            pool.not_expected();
        }
        self.stop.cancel();
        self.sandbox.kill();
        self.tasks.lock().expect("no panic while held").abort_all();
    }

    /// It is idle from now on.
    pub(crate) fn rest(self: &Arc<Self>) {
        self.expect(Doing::Resting { since: self.env.monotonic() });
    }

    /// Says what it does from now on, and sees that an alarm goes off when something is due for that.
    fn expect(self: &Arc<Self>, doing: Doing) {
        let at = match doing {
            // Long timeouts are looked at now and then, so that few alarms that came to nothing wait with them.
            Doing::Working { until } => until.min(self.env.monotonic() + REVIEW_AFTER),
            Doing::Resting { since } => since + self.freeze_after,
            Doing::Frozen { since } => since + self.keep_alive,
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
            Doing::Frozen { since } if now >= since + self.keep_alive => {
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
    fn expect_if(self: &Arc<Self>, still: Doing, doing: Doing) {
        if self.due.lock().expect("no panic while held").doing == still {
            self.expect(doing);
        }
    }

    fn time_out(&self) {
        let seconds = self.version.timeout.as_secs_f64();
        if let Some(reply) = self.runtime().reply.take() {
            let _ = reply.send(Err(Failure::TimedOut { seconds }));
        }
    }

    /// Stops it from using the processor while it waits.
    pub(crate) fn freeze(&self) {
        match self.sandbox.freeze() {
            Ok(()) => self.frozen.store(true, Ordering::Release),
            Err(error) => tracing::debug!(%error, "freeze an environment"),
        }
    }

    fn thaw(&self) {
        if self.frozen.swap(false, Ordering::AcqRel)
            && let Err(error) = self.sandbox.thaw()
        {
            tracing::warn!(%error, "thaw an environment");
        }
    }

    /// Gives it its share of the processor, once, shortly after its first invocation began: what that runs for the
    /// first time is initialisation in all but name, and at 128 MB would wait for the next period of the quota.
    fn share_cpu_soon(self: &Arc<Self>) {
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

    /// Runs one invocation to its end, whoever still waits for it, for at most the function's timeout, of which
    /// `spent` is over.
    pub(crate) async fn run(self: &Arc<Self>, invocation: Invocation, spent: Duration) -> Outcome {
        let timeout = self.version.timeout;
        let rest = timeout.saturating_sub(spent);
        self.thaw();
        self.share_cpu_soon();
        let request_id = Arc::clone(&invocation.request_id);
        {
            let mut output = self.output();
            output.drain();
            output.begin();
            output.say(report::start(&request_id, &self.version.version));
        }
        let began = self.env.monotonic();
        let deadline = self.env.now().after(rest);
        self.expect(Doing::Working { until: began + rest });
        let reply = match self.dispatch(Work { invocation, deadline }) {
            Some(reply) => reply.await.unwrap_or(Err(Failure::Exited(Exit::Signal(9)))),
            None => Err(Failure::Exited(Exit::Signal(9))),
        };
        let duration = self.env.monotonic() - began + spent;
        self.finish(&request_id, duration.min(timeout), reply)
    }

    fn finish(&self, request_id: &str, duration: Duration, reply: Reply) -> Outcome {
        let failure = reply.as_ref().err();
        let memory_used_bytes = match failure {
            Some(Failure::Exited(Exit::OutOfMemory)) => Some(u64::from(self.version.memory_mb) << 20),
            _ => self.sandbox.memory_peak_bytes(),
        };
        if matches!(failure, Some(Failure::TimedOut { .. })) {
            self.retire();
        }
        let mut output = self.output();
        output.drain();
        output.flush();
        let report = Report {
            request_id,
            duration,
            init: self.init.lock().expect("no panic while held").take(),
            restore: self.restore.lock().expect("no panic while held").take(),
            memory_mb: self.version.memory_mb,
            memory_used_bytes,
            failure,
        };
        close(&mut output, &report, self.env.now())
            .with_payload(reply.unwrap_or_else(|failure| failure.payload(request_id)))
    }

    /// Hands `work` to the runtime; `None` when it has ended.
    fn dispatch(&self, work: Work) -> Option<oneshot::Receiver<Reply>> {
        let mut runtime = self.runtime();
        if runtime.ended {
            return None;
        }
        let id = Arc::clone(&work.invocation.request_id);
        runtime.state = runtime.state.step(Event::Dispatch(id)).ok()?;
        let (sender, reply) = oneshot::channel();
        runtime.reply = Some(sender);
        match runtime.waiting.take() {
            Some(waiting) => runtime.undelivered = waiting.send(work).err(),
            None => runtime.undelivered = Some(work),
        }
        Some(reply)
    }

    /// The runtime asks for work.
    pub(crate) fn next(self: &Arc<Self>) -> Result<oneshot::Receiver<Work>, Refusal> {
        let (sender, work) = oneshot::channel();
        let mut runtime = self.runtime();
        // A broken connection may have lost work that was handed out; the runtime asks again and gets it.
        if let Some(undelivered) = runtime.undelivered.take() {
            let _ = sender.send(undelivered);
            return Ok(work);
        }
        let was_busy = matches!(runtime.state, State::Responded(_));
        runtime.is_expected = false;
        runtime.state = runtime.state.step(Event::Next)?;
        runtime.waiting = Some(sender);
        if let Some(ready) = runtime.ready.take() {
            let _ = ready.send(Ok(()));
        }
        drop(runtime);
        if was_busy {
            match self.pool() {
                Some(pool) => pool.take_back(self),
                // Its version was retired while it worked, and nobody else holds the pool.
                None => self.retire(),
            }
        }
        Ok(work)
    }

    /// The runtime answers request `id`.
    pub(crate) fn answer(&self, id: &str, reply: Reply) -> Result<(), Refusal> {
        let mut runtime = self.runtime();
        runtime.state = runtime.state.step(Event::Answer(id))?;
        if let Some(pool) = self.pool().filter(|_| !runtime.ended) {
            runtime.is_expected = true;
            pool.expect_back();
        }
        if let Some(waiting) = runtime.reply.take() {
            let _ = waiting.send(reply);
        }
        Ok(())
    }

    /// The runtime gives up in INIT.
    pub(crate) fn init_failed(&self, failure: Failure) -> Result<(), Refusal> {
        let mut runtime = self.runtime();
        runtime.state = runtime.state.step(Event::InitError)?;
        if let Some(ready) = runtime.ready.take() {
            let _ = ready.send(Err(failure));
        }
        Ok(())
    }

    fn pool(&self) -> Option<Arc<Pool>> {
        self.pool.get().and_then(Weak::upgrade)
    }

    fn runtime(&self) -> MutexGuard<'_, Runtime> {
        self.runtime.lock().expect("no panic while held")
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().expect("no panic while held")
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.stop.cancel();
        self.sandbox.kill();
    }
}

/// The outcome of an invocation whose INIT failed twice.
pub(crate) fn failed_in_init(
    version: &Version,
    failed: &InitFailure,
    invocation: &Invocation,
    duration: Duration,
    now: Timestamp,
) -> Outcome {
    let request_id = &*invocation.request_id;
    let payload = failed.failure.payload(request_id);
    let Some(output) = &failed.output else {
        return Outcome { payload, failed: true, log_tail: Vec::new() };
    };
    let mut output = output.lock().expect("no panic while held");
    output.say(report::start(request_id, &version.version));
    let failure = Some(&failed.failure);
    let report = Report {
        request_id,
        duration,
        init: None,
        restore: None,
        memory_mb: version.memory_mb,
        memory_used_bytes: None,
        failure,
    };
    close(&mut output, &report, now).with_payload(payload)
}

/// Writes an invocation's last lines.
fn close(output: &mut Output, report: &Report<'_>, now: Timestamp) -> Closed {
    let request_id = report.request_id;
    match report.failure {
        Some(failure @ Failure::TimedOut { .. }) => {
            let at = iso8601(now);
            output.say(format!("{at} {request_id} {}", failure.message().unwrap_or_default()));
        }
        Some(failure) => {
            if let Some(message) = failure.message() {
                output.say(format!("RequestId: {request_id} Error: {message}"));
                output.say(failure.error_type().to_owned());
            }
        }
        None => {}
    }
    output.say(report::end(request_id));
    output.say(report::report(report));
    Closed { failed: report.failure.is_some(), log_tail: output.tail() }
}

struct Closed {
    failed: bool,
    log_tail: Vec<u8>,
}

impl Closed {
    fn with_payload(self, payload: Bytes) -> Outcome {
        Outcome { payload, failed: self.failed, log_tail: self.log_tail }
    }
}

async fn read_output(pipe: Arc<pipe::Receiver>, output: Arc<Mutex<Output>>) {
    while pipe.readable().await.is_ok() {
        if !output.lock().expect("no panic while held").drain_and_wait() {
            return;
        }
    }
}

fn start_failure(error: &sandbox::Error) -> Failure {
    match error {
        // The package's own bootstrap can't be run: the function's fault.
        sandbox::Error::Execute { program, source } => {
            tracing::debug!(program, %source, "execute a bootstrap");
            Failure::NoBootstrap
        }
        other => Failure::Sandbox(other.to_string()),
    }
}

/// `token` is what keys are asked for with, where they are in no variables.
fn spec(options: &Options, version: &Version, id: &str, log_stream: &str, token: Option<&Arc<str>>) -> Spec {
    let access = match token {
        Some(token) => Access::Container { token: token.to_string() },
        None => Access::Keys((options.credentials)(version)),
    };
    let launch = version.interpreter.launch();
    Spec {
        id: id.to_owned(),
        code_dir: version.code_dir.clone(),
        opt_dirs: Vec::new(),
        binds: launch.binds,
        program: launch.program,
        args: launch.arguments,
        env: variables(version, log_stream, &access),
        doors: doors(&access),
        cwd: "/var/task".into(),
        memory_bytes: u64::from(version.memory_mb) << 20,
        cpu_millis: sandbox::cpu_millis_for_memory(version.memory_mb),
        ephemeral_bytes: u64::from(version.ephemeral_mb) << 20,
        limits: sandbox::Limits::default(),
        network: options.network,
    }
}

fn log_stream(version: &Version, now: Timestamp, id: &str) -> LogStream {
    let date = utc(now).date();
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    LogStream {
        account: Arc::clone(&version.account),
        region: Arc::clone(&version.region),
        function_name: version.function_name.clone(),
        role: version.role.clone(),
        group: version.log_group.clone(),
        name: format!("{year}/{month:02}/{day:02}/[{}]{id}", version.version),
    }
}

fn utc(at: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

/// `2026-11-23T10:11:12.345Z`
fn iso8601(at: Timestamp) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let seconds = utc(at).format(format).expect("every component exists");
    format!("{seconds}.{:03}Z", at.as_millis().rem_euclid(1000))
}
