//! One execution environment: a sandbox, the runtime in it, and the one invocation it works on.

mod due;
mod ending;
mod extensions;
mod farewell;
mod origin;
mod segments;
mod snapshot;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use env::{Env, Timestamp};
use sandbox::{Exit, Pending, Sandbox, Started};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::alarms::Alarms;
use crate::dates::iso8601;
use crate::environment::due::{Doing, Due};
use crate::environment::ending::{Answered, Current, Open};
pub(crate) use crate::environment::farewell::Reason;
pub(crate) use crate::environment::origin::{InitFailure, Parts, Phase};
use crate::environment::origin::{Initialising, Kind, Origin, access};
use crate::extensions::{Extensions, Occasion};
use crate::invocation::{Failure, Invocation, Outcome};
use crate::launch::{booting, external_extensions, log_stream, spec, start_failure};
use crate::limits::{LIFETIME_MAX, TEMPLATE_PROCESSES_MAX};
use crate::output::Output;
use crate::platform_event::PlatformEvent;
use crate::pool::Pool;
use crate::provisioned::Slot;
use crate::runtime_api;
use crate::segments::{ColdStart, SegmentSink};
use crate::starts::Room;
use crate::state::{Event, Refusal, State};
use crate::stream::{Sink, Streaming, Writer};
use crate::subscription::Category;
use crate::variables::ContainerKeys;
use crate::version::Version;

pub(crate) use snapshot::{Restore, Snapshot};

/// An invocation on its way into the sandbox.
pub(crate) struct Work {
    pub invocation: Invocation,
    pub deadline: Timestamp,
}

pub(crate) type Reply = Result<Bytes, Failure>;
type Ended = Result<(), Failure>;

/// The sandbox ended before anybody could say how.
const GONE: Failure = Failure::Exited(Exit::Signal(9));

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
    /// How long it is kept when it is idle, in milliseconds.
    keep_ms: AtomicU64,
    streaming: Streaming,
    segments: Option<Arc<dyn SegmentSink>>,
    /// Whether the X-Ray daemon's port is open inside.
    hears_segments: AtomicBool,
    frozen: watch::Sender<bool>,
    /// Whether it has had an invocation, and so runs with its share of the processor.
    shares_cpu: AtomicBool,
    sandbox: Box<dyn Sandbox>,
    runtime: Mutex<Runtime>,
    output: Arc<Mutex<Output>>,
    /// How long INIT took; taken by the first invocation's report.
    init: Mutex<Option<Duration>>,
    /// The steps of its start.
    cold_start: OnceLock<ColdStart>,
    /// How long its restore took; likewise.
    restore: snapshot::Took,
    /// What it is a copy of, and cannot outlive.
    _origin: Option<Arc<Snapshot>>,
    env: Env,
    tasks: Mutex<JoinSet<()>>,
    stop: CancellationToken,
    /// Its pool has given it out and counts on it to come back or to end.
    is_out: AtomicBool,
    /// Where it goes when it is idle again; set once it is ready.
    pool: OnceLock<Weak<Pool>>,
    /// Its own name.
    id: String,
    phase: Phase,
    /// Where it is called by its runtime and extensions.
    runtime_api_port: u16,
    /// The runtime or an extension has ended.
    changed: Notify,
    /// Of provisioned ones: kept in any case until it has lived long enough, which is then.
    provisioned_until: Option<Duration>,
    /// Of provisioned ones: its place among them.
    slot: Mutex<Option<Slot>>,
    _room: Room,
}

#[derive(Default)]
struct Runtime {
    state: State,
    /// The `next` call that waits for work.
    waiting: Option<oneshot::Sender<Work>>,
    /// Work whose `next` call broke before it got it.
    undelivered: Option<Work>,
    reply: Option<oneshot::Sender<Reply>>,
    /// Where its answer goes as it is written, if its caller wants it so.
    sink: Option<Sink>,
    ready: Option<oneshot::Sender<Ended>>,
    /// The `restore/next` call that waits for the snapshot.
    restoring: Option<oneshot::Sender<Restore>>,
    extensions: Extensions,
    /// Told when every external extension has registered.
    registered: Option<oneshot::Sender<()>>,
    /// Told when runtime and extensions are done with an invocation that extensions were told of.
    done: Option<oneshot::Sender<Ended>>,
    /// The invocation that the runtime works on, until `platform.runtimeDone` was told.
    current: Option<Current>,
    /// It was given out by its pool.
    is_out: bool,
    /// The invocation's last lines are still to be written.
    is_closing: bool,
    /// It has answered, and its pool counts on it.
    is_expected: bool,
    /// Takes no work any more.
    ended: bool,
    program_ended: bool,
    /// Its end has begun.
    leaving: bool,
}

impl Environment {
    /// Starts a sandbox and waits for its runtime's first `next`, for at most `budget`.
    pub(crate) async fn start(
        parts: Parts<'_>,
        version: &Arc<Version>,
        room: Room,
        phase: Phase,
        budget: Duration,
    ) -> Result<Arc<Self>, InitFailure> {
        let kind = if version.snap_start { Kind::Repeated } else { Kind::OnDemand };
        Self::init(parts, version, room, kind, phase, budget).await
    }

    /// Starts a sandbox and runs INIT in it.
    async fn init(
        parts: Parts<'_>,
        version: &Arc<Version>,
        room: Room,
        kind: Kind,
        phase: Phase,
        budget: Duration,
    ) -> Result<Arc<Self>, InitFailure> {
        let options = parts.options;
        let env = &options.env;
        let id = env.uuid().simple().to_string();
        let stream = log_stream(version, env.now(), &id);
        let token = version.snap_start.then(|| Arc::<str>::from(env.uuid().simple().to_string()));
        let extensions = external_extensions(version)?;
        let access = access(options, version, token.as_ref());
        let mut made_from = spec(options, version, (&id, phase), &stream.name, &extensions, &access);
        if kind == Kind::Template {
            made_from.limits.processes = TEMPLATE_PROCESSES_MAX;
        }
        let output = Output::new(stream, version.logging, Arc::clone(&options.sink), env.clone());
        let output = Arc::new(Mutex::new(output));
        let failed = |failure| InitFailure { failure, output: Some(Arc::clone(&output)) };
        version.interpreter.check(version.bootstrap()).map_err(failed)?;
        let ahead = if kind == Kind::OnDemand { booting(version, &made_from) } else { None };
        let began = env.monotonic();
        let ahead = ahead.map(|booting| parts.ahead.choose(version, booting));
        let started = parts.ahead.start(&*options.sandboxes, made_from, ahead, began).await;
        let started = started.map_err(|error| {
            let (failure, extension) = start_failure(&error, version, &extensions);
            if let Some(name) = extension {
                let event = PlatformEvent::Extension {
                    name,
                    state: "LaunchError",
                    occasions: &[],
                    error_type: Some(failure.error_type()),
                };
                output.lock().expect("no panic while held").tell(&event);
            }
            failed(failure)
        })?;
        let (sandbox, claimed) = (env.monotonic() - began, started.claimed);
        let origin = Origin { id, phase, extensions, kind, token: token.as_ref(), snapshot: None };
        let (this, initialising) =
            Self::assemble(parts, version, room, &output, origin, started).map_err(failed)?;
        this.output().tell(&PlatformEvent::InitStart { version, phase, instance: &this.id });
        this.watch_exit(initialising.exit);
        let outcome = tokio::select! {
            outcome = this.initialised(initialising.registered, initialising.ready) => outcome,
            () = env.sleep(budget) => Err(Failure::TimedOut { seconds: budget.as_secs_f64() }),
        };
        let took = env.monotonic() - began;
        match outcome {
            Ok(()) => {
                let _ = this.cold_start.set(ColdStart { sandbox, claimed, load: took - sandbox });
                if phase == Phase::Init {
                    *this.init.lock().expect("no panic while held") = Some(took);
                }
                let mut output = this.output();
                output.tell(&PlatformEvent::InitReport { version, phase, duration: took, failure: None });
                output.telemetry.close();
                drop(output);
                Ok(this)
            }
            Err(failure) => Err(this.fail_init(failure, took)),
        }
    }

    /// Starts the runtime once the extensions have registered, and waits until all of them are ready.
    async fn initialised(
        &self,
        registered: Option<oneshot::Receiver<()>>,
        mut ready: oneshot::Receiver<Ended>,
    ) -> Ended {
        let dropped = |_| Err(Failure::Sandbox("the runtime was dropped".into()));
        if let Some(registered) = registered {
            tokio::select! {
                ended = &mut ready => return ended.unwrap_or_else(dropped),
                _ = registered => {}
            }
            self.sandbox.begin().map_err(|error| Failure::Sandbox(error.to_string()))?;
        }
        ready.await.unwrap_or_else(dropped)
    }

    fn assemble(
        Parts { options, alarms, .. }: Parts<'_>,
        version: &Arc<Version>,
        room: Room,
        output: &Arc<Mutex<Output>>,
        origin: Origin<'_>,
        started: Started,
    ) -> Result<(Arc<Self>, Initialising), Failure> {
        let ours = |error: std::io::Error| Failure::Sandbox(error.to_string());
        let listener = TcpListener::from_std(started.runtime_api).map_err(ours)?;
        let (sender, ready) = oneshot::channel();
        let keys = origin.token.map(|token| ContainerKeys {
            token: Arc::clone(token),
            credentials: (options.credentials)(version),
            expires: iso8601(options.env.now().after(LIFETIME_MAX)),
        });
        let Origin { id, phase, extensions, .. } = origin;
        let (registering, registered) = (!extensions.is_empty()).then(oneshot::channel).unzip();
        let runtime = Runtime {
            ready: Some(sender),
            registered: registering,
            extensions: Extensions::starting(extensions),
            ..Runtime::default()
        };
        let this = Arc::new(Self {
            version: Arc::clone(version),
            kind: origin.kind,
            keys,
            born: options.env.monotonic(),
            due: Mutex::default(),
            alarms: Arc::clone(alarms),
            freeze_after: options.freeze_after,
            keep_ms: AtomicU64::new(0),
            streaming: options.streaming,
            segments: options.segments.clone(),
            hears_segments: AtomicBool::new(false),
            frozen: watch::Sender::new(false),
            shares_cpu: AtomicBool::new(false),
            sandbox: started.sandbox,
            runtime: Mutex::new(runtime),
            output: Arc::clone(output),
            init: Mutex::new(None),
            cold_start: OnceLock::new(),
            restore: Mutex::new(None),
            _origin: origin.snapshot,
            env: options.env.clone(),
            tasks: Mutex::default(),
            stop: CancellationToken::new(),
            is_out: AtomicBool::new(false),
            pool: OnceLock::new(),
            id,
            phase,
            runtime_api_port: listener.local_addr().map_err(ours)?.port(),
            changed: Notify::new(),
            provisioned_until: (phase == Phase::Provisioned).then(|| provisioned_until(&options.env)),
            slot: Mutex::default(),
            _room: room,
        });
        {
            let mut tasks = this.tasks.lock().expect("no panic while held");
            tasks.spawn(runtime_api::serve(Arc::clone(&this), listener));
            let written =
                [(Some(started.output), Category::Function), (started.companion_output, Category::Extension)];
            for (pipe, category) in written {
                let Some(pipe) = pipe else { continue };
                let pipe = Arc::new(pipe::Receiver::from_owned_fd(pipe).map_err(ours)?);
                let source = this.output().attach(Arc::clone(&pipe), category);
                tasks.spawn(read_output(pipe, source, Arc::clone(output)));
            }
        }
        (options.platform_door)(started.platform, started.hosts, this.stop.clone());
        this.watch_extensions(started.companions);
        Ok((this, Initialising { ready, registered, exit: started.exit }))
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

    fn ended(self: &Arc<Self>, exit: Exit) {
        self.output().drain();
        {
            let mut runtime = self.runtime();
            runtime.ended = true;
            runtime.program_ended = true;
            runtime.waiting = None;
        }
        self.changed.notify_waiters();
        let is_waited_for = self.fail(&Failure::Exited(exit));
        if let Some(pool) = self.pool() {
            pool.forget(self);
        }
        // Whoever waited ends it, after what there is to say in the log.
        if !is_waited_for {
            self.retire_because(Reason::Failure);
        }
    }

    /// Whoever waits for INIT, an answer or an invocation's end gets this instead; `false` if nobody does.
    fn fail(&self, failure: &Failure) -> bool {
        let mut runtime = self.runtime();
        let mut is_waited_for = false;
        if let Some(ready) = runtime.ready.take() {
            is_waited_for |= ready.send(Err(failure.clone())).is_ok();
        }
        if let Some(reply) = runtime.reply.take() {
            is_waited_for |= reply.send(Err(failure.clone())).is_ok();
        } else if let Some(done) = runtime.done.take() {
            is_waited_for |= done.send(Err(failure.clone())).is_ok();
        }
        is_waited_for
    }

    fn fail_init(self: Arc<Self>, failure: Failure, took: Duration) -> InitFailure {
        let (phase, never_asked) = (self.phase, self.runtime().state != State::Ready);
        let mut output = self.output();
        output.drain();
        output.flush();
        if never_asked {
            output.tell(&PlatformEvent::InitRuntimeDone {
                version: &self.version,
                phase,
                failure: Some(&failure),
            });
        }
        output.tell(&PlatformEvent::InitReport {
            version: &self.version,
            phase,
            duration: took,
            failure: Some(&failure),
        });
        output.telemetry.close();
        drop(output);
        self.retire_because(Reason::after(&failure));
        InitFailure { failure, output: Some(Arc::clone(&self.output)) }
    }

    /// Says to which pool the environment belongs from now on.
    pub(crate) fn join(&self, pool: &Arc<Pool>) {
        let _ = self.pool.set(Arc::downgrade(pool));
    }

    /// Notes whether its pool has given it out; whether it had before.
    pub(crate) fn mark_out(&self, is_out: bool) -> bool {
        self.is_out.swap(is_out, Ordering::AcqRel)
    }

    /// It ends: if it was out, it does not come back.
    fn leave_work(&self) {
        if self.mark_out(false)
            && let Some(pool) = self.pool()
        {
            pool.lost();
        }
    }

    /// Whether it has lived long enough.
    pub(crate) fn is_old(&self) -> bool {
        match self.provisioned_until {
            Some(until) => self.env.monotonic() >= until,
            None => self.env.monotonic() - self.born > LIFETIME_MAX,
        }
    }

    pub(crate) fn is_provisioned(&self) -> bool {
        self.provisioned_until.is_some()
    }

    /// It has this place until it ends.
    pub(crate) fn take_slot(&self, slot: Slot) {
        *self.slot.lock().expect("no panic while held") = Some(slot);
    }

    /// When one that is idle since then ends.
    fn idle_until(&self, since: Duration) -> Duration {
        let keep = Duration::from_millis(self.keep_ms.load(Ordering::Relaxed));
        self.provisioned_until.unwrap_or(since + keep)
    }

    /// Whether its runtime can take work.
    pub(crate) fn is_alive(&self) -> bool {
        !self.runtime().ended
    }

    /// Ends it because it is not needed any more.
    pub(crate) fn retire(self: &Arc<Self>) {
        self.retire_because(Reason::Spindown);
    }

    /// Ends it: at once, or with notice when it has extensions.
    pub(crate) fn retire_because(self: &Arc<Self>, reason: Reason) {
        let (was_expected, has_extensions) = {
            let mut runtime = self.runtime();
            if std::mem::replace(&mut runtime.leaving, true) {
                return;
            }
            runtime.ended = true;
            let has_external = runtime.extensions.has_external();
            let goes_on = has_external || (!runtime.extensions.is_empty() && !runtime.program_ended);
            (std::mem::take(&mut runtime.is_expected), goes_on)
        };
        if let Some(pool) = self.pool().filter(|_| was_expected) {
            pool.not_expected();
        }
        self.leave_work();
        // Another takes its place now, however long its extensions take their leave.
        let slot = self.slot.lock().expect("no panic while held").take();
        drop(slot);
        if has_extensions {
            self.alarms.endings.spawn(Arc::clone(self).take_leave(reason));
        } else {
            self.end();
        }
    }

    /// Kills everything in it.
    fn end(&self) {
        self.stop.cancel();
        self.sandbox.kill();
        self.tasks.lock().expect("no panic while held").abort_all();
    }

    /// Runs one invocation to its end, whoever still waits for it, for at most the function's timeout, of which
    /// `spent` is over.
    pub(crate) async fn run(self: &Arc<Self>, mut invocation: Invocation, spent: Duration) -> Outcome {
        let timeout = self.version.timeout;
        let rest = timeout.saturating_sub(spent);
        self.thaw();
        self.share_cpu_soon();
        let request = (Arc::clone(&invocation.request_id), invocation.trace_id.clone());
        {
            let mut output = self.output();
            output.drain();
            output.begin(request.1.as_deref());
            output.tell(&PlatformEvent::Start {
                request_id: &request.0,
                version: &self.version.version,
                trace_id: request.1.as_deref(),
            });
        }
        let mut under = self.trace(invocation.sampled.take(), &request.0).await;
        let init = *self.init.lock().expect("no panic while held");
        let began = self.env.monotonic();
        let deadline = self.env.now().after(rest);
        self.expect(Doing::Working { until: began + rest });
        let mut open = Open { environment: self, is_closed: false };
        let (reply, done) = match self.dispatch(Work { invocation, deadline }, began) {
            Some((reply, done)) => (reply.await.unwrap_or(Err(GONE)), done),
            None => (Err(GONE), None),
        };
        if let Some(under) = &mut under {
            under.answered(self.env.now());
        }
        // No more waiting: from here on it is closed, now or later.
        open.is_closed = true;
        let mut failure = reply.as_ref().err().cloned();
        let error_type = failure.as_ref().map(|failure| failure.error_type().to_owned());
        let failed = error_type.is_some();
        let payload = reply.unwrap_or_else(|failure| failure.payload(&request.0));
        if let Some(mut done) = done.filter(|_| !failure.as_ref().is_some_and(Failure::is_fatal)) {
            match done.try_recv() {
                Ok(ended) => failure = failure.or(ended.err()),
                Err(_) => {
                    let log_tail = self.log_tail();
                    self.close_later((request, began, spent), failure, done);
                    let outcome = Outcome { payload, failed, error_type, log_tail };
                    self.traced(under, &outcome, init);
                    return outcome;
                }
            }
        }
        let log_tail = self.close_invocation(&request, began, spent, failure.as_ref());
        let outcome = Outcome { payload, failed, error_type, log_tail };
        self.traced(under, &outcome, init);
        outcome
    }

    /// Hands `work` to the runtime and to extensions; `None` when it has ended. What comes second is there if the
    /// invocation's end is not the runtime's answer alone.
    fn dispatch(
        &self,
        work: Work,
        began: Duration,
    ) -> Option<(oneshot::Receiver<Reply>, Option<oneshot::Receiver<Ended>>)> {
        let mut runtime = self.runtime();
        if runtime.ended {
            return None;
        }
        let id = Arc::clone(&work.invocation.request_id);
        runtime.state = runtime.state.step(Event::Dispatch(Arc::clone(&id))).ok()?;
        runtime.is_out = true;
        runtime.is_closing = true;
        runtime.current = Some(Current {
            request_id: id,
            trace_id: work.invocation.trace_id.clone(),
            began,
            began_at: self.env.now(),
            answered: None,
        });
        let mut done = None;
        if runtime.extensions.want(Occasion::Invoke) {
            let (sender, ended) = oneshot::channel();
            runtime.done = Some(sender);
            done = Some(ended);
            let event = self.invoke_event(&work);
            runtime.extensions.tell(Occasion::Invoke, &event);
        }
        let (sender, reply) = oneshot::channel();
        runtime.reply = Some(sender);
        runtime.sink = work.invocation.sink.clone();
        match runtime.waiting.take() {
            Some(waiting) => runtime.undelivered = waiting.send(work).err(),
            None => runtime.undelivered = Some(work),
        }
        Some((reply, done))
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
        let before = runtime.state.clone();
        runtime.state = before.step(Event::Next)?;
        runtime.waiting = Some(sender);
        drop(runtime);
        match before {
            State::Init => {
                let event = PlatformEvent::InitRuntimeDone {
                    version: &self.version,
                    phase: self.phase,
                    failure: None,
                };
                self.output().tell(&event);
            }
            State::Responded(_) => self.tell_runtime_done(None),
            _ => {}
        }
        self.settle();
        Ok(work)
    }

    /// Sees whether INIT or an invocation is over, for everybody who has a part in it.
    fn settle(self: &Arc<Self>) {
        {
            let mut runtime = self.runtime();
            if runtime.ended || runtime.state != State::Ready || !runtime.extensions.are_ready() {
                return;
            }
            if let Some(ready) = runtime.ready.take() {
                runtime.extensions.close();
                let _ = ready.send(Ok(()));
            }
            if let Some(done) = runtime.done.take() {
                let _ = done.send(Ok(()));
            }
            if !runtime.is_out || runtime.is_closing {
                return;
            }
            runtime.is_out = false;
            runtime.is_expected = false;
        }
        match self.pool() {
            Some(pool) => pool.take_back(self),
            // Its version was retired while it worked, and nobody else holds the pool.
            None => self.retire(),
        }
    }

    /// The runtime answers request `id`.
    pub(crate) fn answer(&self, id: &str, reply: Reply) -> Result<(), Refusal> {
        self.conclude(Event::Answer(id), reply)
    }

    /// The runtime begins to answer request `id`; with the way to a caller who wants the answer as it is written.
    pub(crate) fn begin_answer(&self, id: &str) -> Result<Option<Writer>, Refusal> {
        let mut runtime = self.runtime();
        runtime.state = runtime.state.step(Event::AnswerBegins(id))?;
        let sink = runtime.sink.take();
        Ok(sink.map(|sink| Writer::new(sink, self.streaming, self.env.clone())))
    }

    /// An answer that was begun has ended.
    pub(crate) fn end_answer(&self, id: &str, reply: Reply) -> Result<(), Refusal> {
        self.conclude(Event::AnswerEnds(id), reply)
    }

    /// Waits for what the platform waits for.
    pub(crate) fn sleep(&self, duration: Duration) -> env::Sleep {
        self.env.sleep(duration)
    }

    fn conclude(&self, event: Event<'_>, reply: Reply) -> Result<(), Refusal> {
        let mut runtime = self.runtime();
        runtime.state = runtime.state.step(event)?;
        runtime.sink = None;
        if let Some(pool) = self.pool().filter(|_| !runtime.ended) {
            runtime.is_expected = true;
            let now = self.env.monotonic();
            pool.expect_back(runtime.current.as_ref().map(|current| now - current.began), now);
        }
        if let Some(current) = &mut runtime.current {
            current.answered = Some(Answered {
                after: self.env.monotonic() - current.began,
                at: self.env.now(),
                produced_bytes: reply.as_ref().map_or(0, Bytes::len),
                failure: reply.as_ref().err().cloned(),
            });
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
        self.leave_work();
        self.stop.cancel();
        self.sandbox.kill();
    }
}

/// An invocation's request identifier and trace.
type Request = (Arc<str>, Option<String>);

async fn read_output(pipe: Arc<pipe::Receiver>, source: usize, output: Arc<Mutex<Output>>) {
    while pipe.readable().await.is_ok() {
        if !output.lock().expect("no panic while held").drain_and_wait(source) {
            return;
        }
    }
}

/// When a provisioned environment that starts now has lived long enough: somewhat before others, and not together
/// with all those that started with it.
fn provisioned_until(env: &Env) -> Duration {
    let mut random = [0; 1];
    env.fill(&mut random);
    env.monotonic() + LIFETIME_MAX - LIFETIME_MAX / 2560 * u32::from(random[0])
}
