//! The daemon's half: starts the spawner, asks it for sandboxes, hears how they end.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::net::{RecvFlags, Shutdown};
use sandbox::{
    Booted, COMPANIONS_MAX, Claimed, Cpu, Error, Exit, Hosts, Network, Pending, Result, Sandbox, Signal,
    Spec, Started, Template, Usage,
};
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, oneshot};

use crate::booted::{self, Waiting};
use crate::cgroup::{Group, Layout, number_in};
use crate::channel::{self, Receiver};
use crate::launch;
use crate::netns::Doors;
use crate::role::ROLE;
use crate::template::{self, Awaited};
use crate::wire::{Abilities, Ended, Reply, Request, Settings, Task};

/// The program that can become the spawner. `run_spawner_if_asked` must be the first thing its `main` does.
#[derive(Debug, Clone)]
pub struct Command {
    pub program: PathBuf,
}

impl Command {
    /// This very program.
    pub fn own() -> io::Result<Self> {
        std::env::current_exe().map(|program| Self { program })
    }
}

/// Sockets of one sandbox that may be waited for: a frozen one answers nobody.
const SOCKETS_WAITING_MAX: usize = 32;

/// A running spawner. Dropping it ends the spawner and every sandbox it made.
pub struct Spawner {
    link: Arc<Link>,
    layout: Arc<Layout>,
    abilities: Abilities,
    child: Mutex<Option<Child>>,
}

impl Spawner {
    /// Starts the spawner and waits until it can make sandboxes.
    pub async fn launch(command: &Command, settings: Settings) -> Result<Self> {
        let (ours, theirs) = channel::pair().map_err(|source| broken("make spawner socket", source))?;
        let child = std::process::Command::new(&command.program)
            .arg(ROLE)
            .env_clear()
            // For mkfs.ext4, which the stockroom runs.
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|source| broken("start the spawner", source))?;
        rustix::io::ioctl_fionbio(&ours, true)
            .map_err(|source| broken("start the spawner", source.into()))?;
        // SAFETY: an `OwnedFd` names the same open descriptor for as long as it lives.
        let socket = unsafe { AsyncFd::register(ours) }
            .map_err(|error| broken("watch spawner socket", error.into()))?;
        let link = Arc::new(Link {
            socket,
            outbox: Mutex::default(),
            posted: Notify::new(),
            expected: Mutex::new(Some(HashMap::new())),
            snapshots: Mutex::default(),
            next_id: AtomicU64::new(1),
            limits: OnceLock::new(),
        });
        link.post(&Request::Setup(settings))?;
        let mut receiver = Receiver::new();
        let abilities = match link.receive(&mut receiver).await {
            Some((Reply::Ready(abilities), _)) => abilities,
            Some((Reply::SetupFailed(failure), _)) => {
                return Err(Error::Build { source: failure.source(), step: failure.step });
            }
            _ => return Err(Error::Spawner("it ended before it was ready".to_owned())),
        };
        let Abilities { outbound, boots, snapshots, .. } = abilities;
        let _ = link.limits.set(Given { outbound, boots, snapshots });
        let layout = Arc::new(abilities.groups.clone());
        tokio::spawn(link.clone().hear(receiver, Arc::clone(&layout)));
        tokio::spawn(link.clone().deliver());
        Ok(Self { link, layout, abilities, child: Mutex::new(Some(child)) })
    }

    pub fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    /// The spawner's process, for tests and for people.
    pub fn pid(&self) -> Option<u32> {
        guard(&self.child).as_ref().map(Child::id)
    }

    /// Whether it can still make sandboxes.
    pub fn is_alive(&self) -> bool {
        guard(&self.link.expected).is_some()
    }

    /// Starts one sandbox; resolves once its program executes.
    pub async fn start(&self, spec: Spec) -> Result<Started> {
        self.link.start(spec, |id, spec| Request::Start { id, spec }).await
    }

    /// Starts a program ahead; resolves once it says that it is ready.
    pub async fn boot(&self, spec: Spec) -> Result<Box<dyn Booted>> {
        booted::boot(&self.link, &self.layout, spec).await
    }

    /// Ends every sandbox and waits until the spawner has cleaned up.
    pub async fn shutdown(&self) {
        self.link.hang_up();
        let child = guard(&self.child).take();
        if let Some(mut child) = child {
            // A failure to wait means there is nobody to wait for.
            let _ = tokio::task::spawn_blocking(move || child.wait()).await;
        }
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.link.hang_up();
        if let Some(mut child) = guard(&self.child).take() {
            // Cleaning up takes a while; only the process entry waits to be collected.
            std::thread::spawn(move || child.wait());
        }
    }
}

/// A start whose future was dropped must not leave a sandbox behind.
pub(crate) struct KillUnlessStarted<'a> {
    link: &'a Link,
    id: u64,
    started: bool,
}

impl<'a> KillUnlessStarted<'a> {
    pub(crate) fn new(link: &'a Link, id: u64) -> Self {
        Self { link, id, started: false }
    }

    pub(crate) fn settled(mut self) {
        self.started = true;
    }
}

impl Drop for KillUnlessStarted<'_> {
    fn drop(&mut self) {
        if !self.started {
            let _ = self.link.post(&Request::Kill { id: self.id });
        }
    }
}

/// A sandbox the spawner was asked for or has made.
#[derive(Default)]
pub(crate) struct Expected {
    pub(crate) answer: Option<oneshot::Sender<Result<Started>>>,
    /// Who waits for a program started ahead to be ready; gives the name of its cgroup.
    pub(crate) booted: Option<oneshot::Sender<Result<Option<String>>>>,
    pub(crate) exit: Option<oneshot::Sender<Exit>>,
    pub(crate) companions: Vec<Option<oneshot::Sender<Exit>>>,
    /// Who waits for a socket, in their order.
    pub(crate) sockets: VecDeque<oneshot::Sender<Option<OwnedFd>>>,
    pub(crate) cpu_millis: u32,
    /// What it is a copy of, where that lives as long as its copies do.
    pub(crate) template: Option<Arc<Waiting>>,
}

/// The socket to the spawner and who waits for what from it.
pub(crate) struct Link {
    socket: AsyncFd<OwnedFd>,
    /// Messages the socket had no room for; as many as there are live sandboxes, a few times over.
    outbox: Mutex<VecDeque<Vec<u8>>>,
    posted: Notify,
    /// `None` once the spawner is gone.
    expected: Mutex<Option<HashMap<u64, Expected>>>,
    /// Snapshots under way, by sandbox.
    pub(crate) snapshots: Mutex<HashMap<u64, Awaited>>,
    next_id: AtomicU64,
    limits: OnceLock<Given>,
}

/// What this host gives, as far as a start may ask for it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Given {
    outbound: bool,
    pub(crate) boots: bool,
    pub(crate) snapshots: bool,
}

impl Link {
    pub(crate) fn given(&self) -> Given {
        self.limits.get().copied().unwrap_or_default()
    }

    /// Asks for one sandbox; resolves once its program runs.
    pub(crate) async fn start(
        &self,
        spec: Spec,
        request: impl FnOnce(u64, Box<Spec>) -> Request,
    ) -> Result<Started> {
        check(&spec, self.given())?;
        let (answer, answered) = oneshot::channel();
        let id = self.expect_new(Expected {
            answer: Some(answer),
            companions: spec.companions.programs.iter().map(|_| None).collect(),
            cpu_millis: spec.cpu_millis,
            ..Expected::default()
        })?;
        let abandoned = KillUnlessStarted::new(self, id);
        self.post(&request(id, Box::new(spec)))?;
        let started = answered.await.unwrap_or_else(|_| Err(gone()));
        abandoned.settled();
        started
    }

    /// Gives a new sandbox its number.
    pub(crate) fn expect_new(&self, expected: Expected) -> Result<u64> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        guard(&self.expected).as_mut().ok_or_else(gone)?.insert(id, expected);
        Ok(id)
    }

    /// Whatever becomes of it, nobody wants to hear.
    pub(crate) fn forget(&self, id: u64) {
        guard(&self.expected).as_mut().and_then(|all| all.remove(&id));
    }

    /// Sends a message without waiting: now, or as soon as there is room.
    pub(crate) fn post(&self, request: &Request) -> Result<()> {
        let bytes = channel::encode(request).map_err(|source| broken("encode request", source))?;
        let mut outbox = guard(&self.outbox);
        if outbox.is_empty() {
            match channel::send_bytes(self.socket.get_ref(), &bytes, &[]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Err(gone()),
                Ok(()) => return Ok(()),
            }
        }
        outbox.push_back(bytes);
        self.posted.notify_one();
        Ok(())
    }

    /// Sends what had to wait.
    async fn deliver(self: Arc<Self>) {
        loop {
            self.posted.notified().await;
            if guard(&self.expected).is_none() {
                return;
            }
            while !guard(&self.outbox).is_empty() {
                let Ok(mut ready) = self.socket.writable().await else { return };
                let sent = ready.try_io(|socket| {
                    let mut outbox = guard(&self.outbox);
                    while let Some(bytes) = outbox.front() {
                        channel::send_bytes(socket.get_ref(), bytes, &[])?;
                        outbox.pop_front();
                    }
                    Ok(())
                });
                if matches!(sent, Ok(Err(_))) {
                    return;
                }
            }
        }
    }

    /// The next message; `None` when the spawner is gone.
    async fn receive(&self, receiver: &mut Receiver) -> Option<(Reply, Vec<OwnedFd>)> {
        loop {
            let mut ready = self.socket.readable().await.ok()?;
            let received =
                ready.try_io(|socket| receiver.receive::<Reply>(socket.get_ref(), RecvFlags::DONTWAIT));
            if let Ok(received) = received {
                return received.ok().flatten();
            }
        }
    }

    /// Hears the spawner until it is gone.
    async fn hear(self: Arc<Self>, mut receiver: Receiver, layout: Arc<Layout>) {
        while let Some((reply, fds)) = self.receive(&mut receiver).await {
            match reply {
                Reply::Ready(_) | Reply::SetupFailed(_) => {}
                Reply::SnapshotWatched { id } => self.snapshot_watched(id),
                Reply::SnapshotTaken { id } => self.snapshot_ended(id, None),
                Reply::SnapshotRefused { id, reason } => self.snapshot_ended(id, Some(reason)),
                Reply::Started { id, group, claimed } => self.started((id, group), claimed, fds, &layout),
                Reply::StartFailed { id, failure, executing } => {
                    let expected = guard(&self.expected).as_mut().and_then(|all| all.remove(&id));
                    let source = failure.source();
                    let error = if executing {
                        let program = failure.step.trim_start_matches("execute ").to_owned();
                        Error::Execute { program, source }
                    } else {
                        Error::Build { step: failure.step, source }
                    };
                    match expected {
                        Some(Expected { answer: Some(answer), .. }) => drop(answer.send(Err(error))),
                        Some(Expected { booted: Some(booted), .. }) => drop(booted.send(Err(error))),
                        _ => {}
                    }
                }
                Reply::Booted { id, group } => {
                    if let Some(booted) = self.expect(id, |expected| expected.booted.take()) {
                        let _ = booted.send(Ok(group));
                    }
                }
                Reply::ProgramEnded { id, exit } => {
                    let sender = self.expect(id, |expected| expected.exit.take());
                    if let Some(sender) = sender {
                        let _ = sender.send(exit.into());
                    }
                }
                Reply::CompanionEnded { id, index, exit } => {
                    let sender = self.expect(id, |expected| expected.companions.get_mut(index)?.take());
                    if let Some(sender) = sender {
                        let _ = sender.send(exit.into());
                    }
                }
                Reply::Socket { id } => {
                    if let Some(sender) = self.expect(id, |expected| expected.sockets.pop_front()) {
                        let _ = sender.send(fds.into_iter().next());
                    }
                }
                Reply::Exited { id, exit } => {
                    let expected = guard(&self.expected).as_mut().and_then(|all| all.remove(&id));
                    if let Some(sender) = expected.and_then(|expected| expected.exit) {
                        let _ = sender.send(exit.into());
                    }
                }
            }
        }
        // Whoever still waits learns it by the senders going away.
        drop(guard(&self.expected).take());
        guard(&self.snapshots).clear();
        self.posted.notify_one();
    }

    pub(crate) fn expect<T>(&self, id: u64, take: impl FnOnce(&mut Expected) -> Option<T>) -> Option<T> {
        take(guard(&self.expected).as_mut()?.get_mut(&id)?)
    }

    fn started(
        self: &Arc<Self>,
        (id, group): (u64, Option<String>),
        claimed: Option<Claimed>,
        fds: Vec<OwnedFd>,
        layout: &Arc<Layout>,
    ) {
        let (exit, exited) = oneshot::channel();
        let mut companions = Vec::new();
        let (answer, cpu_millis, template) = {
            let mut all = guard(&self.expected);
            let Some(expected) = all.as_mut().and_then(|all| all.get_mut(&id)) else { return };
            expected.exit = Some(exit);
            for companion in &mut expected.companions {
                let (sender, ended) = oneshot::channel();
                *companion = Some(sender);
                companions.push(ended);
            }
            (expected.answer.take(), expected.cpu_millis, expected.template.take())
        };
        let running = Running {
            link: self.clone(),
            id,
            group,
            layout: layout.clone(),
            cpu_millis,
            memory_peak: OnceLock::new(),
            _template: template,
        };
        let started = gather(running, fds, exited, companions);
        let started = started.map(|started| Started { claimed, ..started });
        if let Some(answer) = answer {
            // If nobody waits any more, dropping what was started kills it.
            let _ = answer.send(started);
        }
    }

    /// Ends the conversation, which ends the spawner.
    fn hang_up(&self) {
        let _ = rustix::net::shutdown(self.socket.get_ref(), Shutdown::Both);
    }
}

fn gather(
    running: Running,
    fds: Vec<OwnedFd>,
    exited: oneshot::Receiver<Exit>,
    companions: Vec<oneshot::Receiver<Exit>>,
) -> Result<Started> {
    let too_few = || Error::Spawner("it sent too few descriptors".to_owned());
    let mut fds = fds.into_iter();
    let output = fds.next().ok_or_else(too_few)?;
    let companion_output = if companions.is_empty() { None } else { Some(fds.next().ok_or_else(too_few)?) };
    let doors = Doors::received(fds).ok_or_else(too_few)?;
    let port = |listener: &OwnedFd| {
        launch::local_port(listener).map_err(|failure| broken("find a listener's port", failure.source()))
    };
    let address = |port: u16| format!("127.0.0.1:{port}");
    let runtime_api_address = address(port(&doors.runtime_api)?);
    let platform_address = address(port(&doors.platform)?);
    let pipes = [&output].into_iter().chain(&companion_output).map(AsFd::as_fd);
    for fd in doors.descriptors().into_iter().chain(pipes) {
        rustix::io::ioctl_fionbio(fd, true)
            .map_err(|source| broken("make descriptors non-blocking", source.into()))?;
    }
    Ok(Started {
        runtime_api: TcpListener::from(doors.runtime_api),
        runtime_api_address,
        platform: TcpListener::from(doors.platform),
        platform_address,
        hosts: doors.hosts.map(|hosts| Hosts { https: hosts.https.into(), names: hosts.names.into() }),
        output,
        exit: until(exited),
        companion_output,
        companions: companions.into_iter().map(until).collect(),
        sandbox: Box::new(running),
        claimed: None,
    })
}

/// The spawner takes every sandbox with it.
fn until(exited: oneshot::Receiver<Exit>) -> Pending<'static, Exit> {
    Box::pin(async { exited.await.unwrap_or(Exit::Signal(libc::SIGKILL)) })
}

/// Steers one sandbox: through its cgroup's files where it has one, else through the spawner.
struct Running {
    link: Arc<Link>,
    id: u64,
    group: Option<String>,
    layout: Arc<Layout>,
    cpu_millis: u32,
    /// Every report of an invocation asks for it.
    memory_peak: OnceLock<Option<File>>,
    _template: Option<Arc<Waiting>>,
}

impl Running {
    fn group(&self) -> Option<Group<'_>> {
        self.group.as_deref().map(|name| self.layout.group(name))
    }

    fn set_frozen(&self, frozen: bool) -> Result<()> {
        match self.group() {
            Some(group) => {
                group.freeze(frozen).map_err(|source| broken("freeze or thaw the sandbox", source))
            }
            None => self.link.post(&Request::Freeze { id: self.id, frozen }),
        }
    }
}

impl Running {
    fn open(&self, datagrams: Option<u16>) -> Pending<'_, Result<OwnedFd>> {
        Box::pin(async move {
            let (sender, opened) = oneshot::channel();
            let asked = self.link.expect(self.id, |expected| {
                let has_room = expected.sockets.len() < SOCKETS_WAITING_MAX;
                has_room.then(|| expected.sockets.push_back(sender))
            });
            let failed = |kind: io::ErrorKind| broken("open a socket in the sandbox", kind.into());
            asked.ok_or_else(|| failed(io::ErrorKind::WouldBlock))?;
            self.link.post(&Request::Tell { id: self.id, task: Task::Socket { datagrams } })?;
            opened.await.ok().flatten().ok_or_else(|| failed(io::ErrorKind::NotConnected))
        })
    }
}

impl Sandbox for Running {
    fn freeze(&self) -> Result<()> {
        self.set_frozen(true)
    }

    fn thaw(&self) -> Result<()> {
        self.set_frozen(false)
    }

    fn set_cpu(&self, cpu: Cpu) -> Result<()> {
        let millis = match cpu {
            Cpu::Full => None,
            Cpu::Share => Some(self.cpu_millis),
        };
        match self.group() {
            Some(group) => group.set_cpu(millis).map_err(|source| broken("set the cpu share", source)),
            None => Ok(()),
        }
    }

    fn usage(&self) -> Result<Usage> {
        let Some(group) = self.group() else { return Ok(Usage::default()) };
        Ok(Usage {
            memory_peak_bytes: self.memory_peak_bytes(),
            memory_now_bytes: group.memory_now(),
            cpu_time: group.cpu_time_us().map(Duration::from_micros),
        })
    }

    fn memory_peak_bytes(&self) -> Option<u64> {
        let file = self.memory_peak.get_or_init(|| self.group()?.memory_peak_file());
        file.as_ref().and_then(number_in)
    }

    fn reset_memory_peak(&self) -> Result<bool> {
        match self.group() {
            Some(group) => {
                group.reset_memory_peak().map_err(|source| broken("reset the memory peak", source))
            }
            None => Ok(false),
        }
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let signal = match signal {
            Signal::Terminate => libc::SIGTERM,
            Signal::Interrupt => libc::SIGINT,
            Signal::Kill => return self.link.post(&Request::Tell { id: self.id, task: Task::Kill }),
        };
        self.link.post(&Request::Signal { id: self.id, signal })
    }

    fn snapshot(&self, watched: Box<dyn FnOnce() + Send>) -> Pending<'_, Result<Box<dyn Template>>> {
        Box::pin(async move {
            let taken = template::take(&self.link, Arc::clone(&self.layout), self.id, watched).await?;
            Ok(Box::new(taken) as Box<dyn Template>)
        })
    }

    fn begin(&self) -> Result<()> {
        self.link.post(&Request::Tell { id: self.id, task: Task::Begin })
    }

    fn socket(&self) -> Pending<'_, Result<OwnedFd>> {
        self.open(None)
    }

    fn datagrams(&self, port: u16) -> Pending<'_, Result<OwnedFd>> {
        self.open(Some(port))
    }

    fn kill(&self) {
        // Fails only when the spawner is gone, and then so is the sandbox.
        let _ = self.link.post(&Request::Kill { id: self.id });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl From<Ended> for Exit {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Code(code) => Self::Code(code),
            Ended::Signal(signal) => Self::Signal(signal),
            Ended::OutOfMemory => Self::OutOfMemory,
        }
    }
}

/// Refuses early what the kernel would refuse late and less clearly.
pub(crate) fn check(spec: &Spec, given: Given) -> Result<()> {
    let invalid = |text: String| Err(Error::InvalidSpec(text));
    if !spec.program.is_absolute() || !spec.cwd.is_absolute() {
        return invalid("program and cwd must be absolute paths".to_owned());
    }
    let companions = &spec.companions;
    if companions.programs.len() > COMPANIONS_MAX {
        return invalid(format!("more than {COMPANIONS_MAX} companions"));
    }
    let names = || spec.env.iter().chain(&companions.env);
    let texts = names().flat_map(|(name, value)| [name, value]).chain(&spec.args);
    if let Some(text) = texts.into_iter().find(|text| text.contains('\0')) {
        return invalid(format!("zero byte in {text:?}"));
    }
    if let Some((name, _)) = names().find(|(name, _)| name.is_empty() || name.contains('=')) {
        return invalid(format!("environment variable name {name:?}"));
    }
    if spec.network == Network::Outbound && !given.outbound {
        return Err(Error::Unsupported {
            what: "outbound network",
            missing: "the daemon has to be root, and the kernel to have CONFIG_BPF_SYSCALL".to_owned(),
        });
    }
    if spec.memory_bytes == 0 || spec.ephemeral_bytes == 0 || spec.cpu_millis == 0 {
        return invalid("memory, ephemeral storage and cpu share must not be zero".to_owned());
    }
    Ok(())
}

fn broken(step: &str, source: io::Error) -> Error {
    Error::Build { step: step.to_owned(), source }
}

pub(crate) fn gone() -> Error {
    Error::Spawner("it has ended".to_owned())
}

/// Nothing panics while holding these locks; were it to, the data would still be whole.
pub(crate) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
