//! Sandboxes without processes: a program is a future, chosen by the function's handler, and everything that is done
//! to a sandbox can be waited for.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::pipe::{PipeFlags, pipe_with};
use sandbox::{
    Cpu, Error, Exit, Guarantee, Isolation, Pending, Result, Sandbox, Sandboxes, Signal, Spec, Started,
    Template, Usage,
};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::runtime::{self, Runtime};
use crate::soon;

/// What happens to a sandbox, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Started(usize),
    /// Its program has work; told by those that say so.
    Works(usize),
    SharesCpu(usize),
    Frozen(usize),
    Thawed(usize),
    /// Its program was asked to end.
    Terminated(usize),
    /// Its program alone was killed.
    ProgramKilled(usize),
    Killed(usize),
}

type Program = Arc<dyn Fn(Runtime) -> Pin<Box<dyn Future<Output = Exit> + Send>> + Send + Sync>;

/// Starts scripted sandboxes. Cheap to clone.
#[derive(Clone)]
pub struct Scripted(Arc<Inner>);

pub(crate) struct Inner {
    programs: Mutex<HashMap<String, Program>>,
    events: watch::Sender<Vec<Event>>,
    /// Starts asked for, of which some may wait.
    asked: watch::Sender<usize>,
    count: AtomicUsize,
    held: AtomicBool,
    may_start: Semaphore,
    pub(crate) going_on: Semaphore,
    failures: Mutex<VecDeque<Error>>,
    /// Where the last X-Ray daemon listens that was opened.
    daemon: Mutex<Option<std::net::SocketAddr>>,
    /// Why no snapshot is to be taken, if so.
    no_snapshots: Mutex<Option<String>>,
}

impl Inner {
    pub(crate) fn tell(&self, event: Event) {
        self.events.send_modify(|events| events.push(event));
    }
}

impl Scripted {
    /// With the programs of `runtime.rs` for the handlers named like them.
    #[expect(clippy::new_without_default, reason = "it is no value, it is a place where things happen")]
    pub fn new() -> Self {
        let scripted = Self(Arc::new(Inner {
            programs: Mutex::default(),
            events: watch::Sender::default(),
            asked: watch::Sender::default(),
            count: AtomicUsize::new(0),
            held: AtomicBool::new(false),
            may_start: Semaphore::new(0),
            going_on: Semaphore::new(0),
            failures: Mutex::default(),
            daemon: Mutex::default(),
            no_snapshots: Mutex::default(),
        }));
        scripted.on("echo", runtime::echo);
        scripted.on("held", runtime::held);
        scripted.on("raise", runtime::raise);
        scripted.on("hang", runtime::hang);
        scripted.on("exit", runtime::exit);
        scripted.on("out-of-memory", runtime::out_of_memory);
        scripted.on("big", runtime::big);
        scripted.on("init-raise", runtime::init_raise);
        scripted.on("init-hang", runtime::init_hang);
        scripted.on("snap", runtime::snap);
        scripted.on("init-exit", |_| std::future::ready(Exit::Code(7)));
        scripted
    }

    /// Runs `program` for functions with this handler.
    pub fn on<F: Future<Output = Exit> + Send + 'static>(
        &self,
        handler: &str,
        program: impl Fn(Runtime) -> F + Send + Sync + 'static,
    ) {
        let program: Program = Arc::new(move |runtime| Box::pin(program(runtime)));
        self.0.programs.lock().expect("no panic while held").insert(handler.to_owned(), program);
    }

    /// What the external extension of this name does; it needs a file in a layer too.
    pub fn on_extension<F: Future<Output = Exit> + Send + 'static>(
        &self,
        name: &str,
        program: impl Fn(Runtime) -> F + Send + Sync + 'static,
    ) {
        self.on(&format!("/opt/extensions/{name}"), program);
    }

    /// Starts wait from now on, until they are let through one by one.
    pub fn hold_starts(&self) {
        self.0.held.store(true, Ordering::Release);
    }

    pub fn let_start(&self, count: usize) {
        self.0.may_start.add_permits(count);
    }

    /// Lets programs that wait for the test go on.
    pub fn let_go_on(&self, count: usize) {
        self.0.going_on.add_permits(count);
    }

    /// The next start that has no failure yet fails so.
    pub fn fail_start(&self, error: Error) {
        self.0.failures.lock().expect("no panic while held").push_back(error);
    }

    /// How many starts were asked for.
    pub fn asked(&self) -> usize {
        *self.0.asked.borrow()
    }

    /// Waits until so many starts were asked for.
    pub async fn until_asked(&self, count: usize) {
        let mut asked = self.0.asked.subscribe();
        let reached = soon("a start to be asked for", asked.wait_for(|asked| *asked >= count)).await;
        assert!(reached.is_ok(), "the sender lives here");
    }

    /// No snapshot can be taken from now on.
    pub fn refuse_snapshots(&self, reason: &str) {
        *self.0.no_snapshots.lock().expect("no panic while held") = Some(reason.to_owned());
    }

    pub fn events(&self) -> Vec<Event> {
        self.0.events.borrow().clone()
    }

    /// How often something happened.
    pub fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.0.events.borrow().iter().filter(|event| wanted(event)).count()
    }

    /// Where a function would send segments of traces to, once an invocation was sampled.
    pub fn daemon(&self) -> Option<std::net::SocketAddr> {
        *self.0.daemon.lock().expect("no panic while held")
    }

    /// Waits until something has happened.
    pub async fn until(&self, event: Event) {
        self.until_times(event, 1).await;
    }

    /// Waits until something has happened so often.
    pub async fn until_times(&self, event: Event, times: usize) {
        let mut events = self.0.events.subscribe();
        let often = |events: &Vec<Event>| events.iter().filter(|known| **known == event).count() >= times;
        let reached = soon(&format!("{event:?} {times} times"), events.wait_for(often)).await;
        assert!(reached.is_ok(), "the sender lives here");
    }

    async fn start_one(&self, spec: Spec, is_copy: bool) -> Result<Started> {
        self.0.asked.send_modify(|asked| *asked += 1);
        if self.0.held.load(Ordering::Acquire) {
            self.0.may_start.acquire().await.expect("never closed").forget();
        }
        if let Some(error) = self.0.failures.lock().expect("no panic while held").pop_front() {
            return Err(error);
        }
        let failed = |source| Error::Build { step: "script a sandbox".to_owned(), source };
        let number = self.0.count.fetch_add(1, Ordering::AcqRel) + 1;
        let runtime_api = listen().map_err(failed)?;
        let platform = listen().map_err(failed)?;
        let address = runtime_api.local_addr().map_err(failed)?;
        let (reader, writer) =
            pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(|errno| failed(errno.into()))?;
        let spec = Arc::new(spec);
        let mut runtime =
            Runtime::new(number, Arc::clone(&spec), address, Arc::new(writer), Arc::clone(&self.0));
        runtime.is_copy = is_copy;
        let handler = runtime.variable("_HANDLER").unwrap_or_default().to_owned();
        let program = |name: &str| {
            let program = self.0.programs.lock().expect("no panic while held").get(name).cloned();
            program.unwrap_or_else(|| panic!("no program for {name:?}"))
        };
        let (killed, begun, terminated) =
            (CancellationToken::new(), CancellationToken::new(), runtime.terminated.clone());
        let (companion_reader, companion_writer) =
            pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(|errno| failed(errno.into()))?;
        let companion_writer = Arc::new(companion_writer);
        let start_companion = |path: &std::path::PathBuf| {
            let (spec, sandboxes) = (Arc::clone(&spec), Arc::clone(&self.0));
            let runtime = Runtime::new(number, spec, address, Arc::clone(&companion_writer), sandboxes);
            run(program(&path.to_string_lossy())(runtime), killed.clone())
        };
        let companions = spec.companions.programs.iter().map(start_companion).collect::<Vec<_>>();
        let program_killed = killed.child_token();
        let (waits, own) = (begun.clone(), program(&handler));
        let whole = async move {
            waits.cancelled().await;
            own(runtime).await
        };
        let exit = run(Box::pin(whole), program_killed.clone());
        let has_companions = !companions.is_empty();
        if !has_companions {
            begun.cancel();
        }
        self.0.tell(Event::Started(number));
        Ok(Started {
            runtime_api_address: address.to_string(),
            hosts: None,
            platform_address: platform.local_addr().map_err(failed)?.to_string(),
            runtime_api,
            platform,
            output: reader,
            exit,
            companion_output: has_companions.then_some(companion_reader),
            companions,
            claimed: None,
            sandbox: Box::new(One {
                number,
                killed,
                program_killed,
                begun,
                terminated,
                sandboxes: Arc::clone(&self.0),
            }),
        })
    }
}

/// Runs a program until it ends or is killed.
fn run(
    program: Pin<Box<dyn Future<Output = Exit> + Send>>,
    killed: CancellationToken,
) -> Pending<'static, Exit> {
    let (sender, ended) = oneshot::channel();
    tokio::spawn(async move {
        let exit = tokio::select! {
            biased;
            () = killed.cancelled() => Exit::Signal(9),
            exit = program => exit,
        };
        // Whoever started it may not care how it ends.
        let _ = sender.send(exit);
    });
    Box::pin(async move { ended.await.unwrap_or(Exit::Signal(9)) })
}

fn listen() -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Sandboxes for Scripted {
    fn start(&self, spec: Spec) -> Pending<'_, Result<Started>> {
        Box::pin(self.start_one(spec, false))
    }

    fn describe(&self) -> Isolation {
        let guarantees = BTreeSet::from([Guarantee::Snapshots]);
        Isolation { name: "scripted", guarantees, caveats: Vec::new() }
    }

    fn shutdown(&self) -> Pending<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

struct One {
    number: usize,
    killed: CancellationToken,
    program_killed: CancellationToken,
    begun: CancellationToken,
    terminated: CancellationToken,
    sandboxes: Arc<Inner>,
}

impl Sandbox for One {
    fn freeze(&self) -> Result<()> {
        self.sandboxes.tell(Event::Frozen(self.number));
        Ok(())
    }

    fn thaw(&self) -> Result<()> {
        self.sandboxes.tell(Event::Thawed(self.number));
        Ok(())
    }

    fn set_cpu(&self, cpu: Cpu) -> Result<()> {
        if cpu == Cpu::Share {
            self.sandboxes.tell(Event::SharesCpu(self.number));
        }
        Ok(())
    }

    fn usage(&self) -> Result<Usage> {
        Ok(Usage { memory_peak_bytes: Some(36 << 20), ..Usage::default() })
    }

    fn reset_memory_peak(&self) -> Result<bool> {
        Ok(false)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match signal {
            Signal::Terminate => {
                self.terminated.cancel();
                self.sandboxes.tell(Event::Terminated(self.number));
            }
            Signal::Kill => {
                self.program_killed.cancel();
                self.sandboxes.tell(Event::ProgramKilled(self.number));
            }
            Signal::Interrupt => {}
        }
        Ok(())
    }

    /// Copies run the same program from its beginning, which sees that it is one.
    fn snapshot(&self, watched: Box<dyn FnOnce() + Send>) -> Pending<'_, Result<Box<dyn Template>>> {
        let sandboxes = Arc::clone(&self.sandboxes);
        Box::pin(async move {
            let refused = sandboxes.no_snapshots.lock().expect("no panic while held").clone();
            if let Some(reason) = refused {
                return Err(Error::NoSnapshot(reason));
            }
            watched();
            Ok(Box::new(Copies(Scripted(sandboxes))) as Box<dyn Template>)
        })
    }

    fn begin(&self) -> Result<()> {
        self.begun.cancel();
        Ok(())
    }

    fn socket(&self) -> Pending<'_, Result<OwnedFd>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
        let socket =
            socket.map_err(|errno| Error::Build { step: "script a socket".to_owned(), source: errno.into() });
        Box::pin(std::future::ready(socket))
    }

    fn datagrams(&self, _port: u16) -> Pending<'_, Result<OwnedFd>> {
        let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).and_then(|socket| {
            socket.set_nonblocking(true)?;
            if let Ok(address) = socket.local_addr() {
                *self.sandboxes.daemon.lock().expect("no panic while held") = Some(address);
            }
            Ok(OwnedFd::from(socket))
        });
        let socket = socket.map_err(|source| Error::Build { step: "script a socket".to_owned(), source });
        Box::pin(std::future::ready(socket))
    }

    fn kill(&self) {
        if !self.killed.is_cancelled() {
            self.killed.cancel();
            self.sandboxes.tell(Event::Killed(self.number));
        }
    }
}

struct Copies(Scripted);

impl Template for Copies {
    fn start(&self, spec: Spec) -> Pending<'_, Result<Started>> {
        Box::pin(self.0.start_one(spec, true))
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.kill();
    }
}
