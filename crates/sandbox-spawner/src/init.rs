//! The first process of a sandbox: starts the program, collects orphans, tells how the program ended.
//!
//! A program with companions waits until it is told to begin, and does not end the sandbox by ending.
//!
//! In a pid namespace its own end is the end of everything in it; the kernel sees to that. Without one it
//! finds its descendants itself: they cannot leave, because orphans become its children.

use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use sandbox::BOOT_VARIABLE;
use serde::{Deserialize, Serialize};

use crate::channel::{self, Receiver};
use crate::enter::{self, Entry, Walls};
use crate::failure::{Failure, Step};
use crate::shown::{ROOM_BYTES, SLOTS};
use crate::sys::{self, Forked};
use crate::wire::{Ended, Task};

/// First process to spawner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    Failed(Failure),
    /// The program cannot be executed.
    ExecuteFailed(Failure),
    /// The program runs, or `ExecuteFailed` came before this.
    Running,
    Ended(Ended),
    /// A process that is not the program has ended: in a template, maybe a copy's program.
    Orphan {
        number: i32,
        ended: Ended,
    },
    /// The program has ended and its companions go on.
    ProgramEnded(Ended),
    CompanionEnded {
        index: usize,
        ended: Ended,
    },
    /// Comes with a socket, if one could be opened.
    Socket,
}

/// Signals with which the spawner steers a first process that has no cgroup.
pub(crate) const FREEZE: i32 = libc::SIGUSR1;
pub(crate) const THAW: i32 = libc::SIGUSR2;
pub(crate) const END: i32 = libc::SIGQUIT;
/// Has the first process of a template report the ends of orphans.
pub(crate) const REPORT_ORPHANS: i32 = libc::SIGUSR1;
/// Says that there are [`Task`]s to be read.
pub(crate) const TOLD: i32 = libc::SIGURG;

/// A first process, ready and waiting to be told what to run.
pub(crate) struct Parked {
    pub pid: i32,
    pub pidfd: OwnedFd,
    /// The spawner's end: takes one [`Entry`] and gives [`Report`]s.
    pub status: OwnedFd,
}

/// Forks a first process with `flags` of `clone`.
pub(crate) fn park(flags: i32, walls: Option<Walls<'_>>) -> Result<Parked, Failure> {
    let (ours, theirs) = channel::pair().step("make status socket")?;
    match sys::fork(flags | libc::CLONE_PIDFD).step("fork the sandbox")? {
        Forked::Child => {
            let code = match run(&theirs, walls) {
                Ok(()) => 0,
                Err(failure) => {
                    // Fails only when the spawner is gone, and then so are we.
                    let _ = channel::send(&theirs, &Report::Failed(failure), &[]);
                    1
                }
            };
            sys::exit_now(code)
        }
        Forked::Parent { pid, pidfd } => {
            let pidfd = pidfd.ok_or_else(|| Failure::new("watch the sandbox", libc::ENOSYS))?;
            Ok(Parked { pid, pidfd, status: ours })
        }
    }
}

/// Everything a first process does.
fn run(status: &OwnedFd, walls: Option<Walls<'_>>) -> Result<(), Failure> {
    let parent = rustix::process::getppid();
    sys::block_signals(true).step("block signals")?;
    // Other sandboxes' parts above all: held here, they would outlive their owners.
    let mut keep = vec![status.as_raw_fd()];
    if let Some(walls) = &walls {
        keep.push(walls.root.as_raw_fd());
        keep.extend(walls.entrances.iter().map(AsRawFd::as_raw_fd));
    }
    keep.sort_unstable();
    sys::close_all_but(4, &keep);
    enter::prepare(walls)?;

    let mut receiver = Receiver::new();
    let told = receiver.receive::<Entry>(status, RecvFlags::empty()).step("hear what to run")?;
    // The spawner does not need this one any more.
    let Some((mut entry, fds)) = told else { return Ok(()) };
    enter::enter(&entry, &fds, walls, status.as_fd())?;
    if walls.is_none() {
        // Failing leaves orphans to the spawner, which looks for them too.
        let _ = sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    }
    // This process is a copy of the spawner: nothing in the sandbox may look into it. Executing the program
    // gives the program its own answer to that.
    sys::prctl(libc::PR_SET_DUMPABLE, 0).step("close the first process to the sandbox")?;
    if let Some(socket) = fds.get(1).filter(|_| entry.boots && is_functions_own(Path::new(&entry.program))) {
        let Some(environment) = await_claim(socket)? else { return Ok(()) };
        // From here on it is a start like any other.
        (entry.environment, entry.boots) = (environment, false);
    }
    let mut watch = Watch {
        status,
        entry: &entry,
        receiver,
        parent,
        contained: walls.is_some(),
        companions: Vec::new(),
        program: None,
        reports_orphans: false,
    };
    match fds.get(1).filter(|_| !entry.companions.is_empty()) {
        Some(output) => watch.start_companions(output.as_fd())?,
        None => watch.start_program(fds.get(1).filter(|_| entry.boots))?,
    }
    report(status, &Report::Running);

    let ended = watch.until_the_end();
    if walls.is_none() {
        end_descendants();
    }
    report(status, &Report::Ended(ended));
    // Their descriptors were closed above.
    std::mem::forget(fds);
    Ok(())
}

/// Whether a program comes with the function: it is not there to be started ahead. Then the first process waits in its
/// place, and all that is left to do for a claim is to execute it.
pub(crate) fn is_functions_own(program: &Path) -> bool {
    ["/var/task", "/opt"].iter().any(|folder| program.starts_with(folder))
}

/// Says that it is ready, as a program that is started ahead does, and waits for the environment to start a program
/// with; `None` when nobody claims it any more.
fn await_claim(socket: &OwnedFd) -> Result<Option<Vec<String>>, Failure> {
    rustix::io::write(socket, b".").step("say that the sandbox is ready")?;
    let (mut told, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match rustix::io::read(socket, &mut piece) {
            Ok(0) => break,
            Ok(count) => told.extend_from_slice(&piece[..count]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).step("hear whose the sandbox is"),
        }
    }
    let Some(told) = told.strip_suffix(&[0]) else { return Ok(None) };
    let mut texts = told.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let cwd = texts.next().unwrap_or_default();
    rustix::process::chdir(&*cwd).step_with(|| format!("enter working directory {cwd}"))?;
    Ok(Some(texts.collect()))
}

/// Starts a program; returns once it executes or has failed to. `before` is run in it first. `shared` are flags of
/// `clone`: what it has in common with this process.
fn start(
    status: &OwnedFd,
    path: &str,
    arguments: &[String],
    environment: &[String],
    shared: i32,
    before: impl FnOnce() -> std::io::Result<()>,
) -> Result<i32, Failure> {
    let program = text(path)?;
    let arguments = arguments.iter().map(|one| text(one)).collect::<Result<Vec<_>, _>>()?;
    let environment = environment.iter().map(|one| text(one)).collect::<Result<Vec<_>, _>>()?;
    let (arguments, environment) = (pointers(&arguments), pointers(&environment));
    match sys::fork(libc::CLONE_VFORK | shared).step("fork the program")? {
        Forked::Parent { pid, .. } => Ok(pid),
        Forked::Child => {
            // Its own session: signals to its process group stay below it.
            let _ = rustix::process::setsid();
            sys::reset_signals();
            let _ = sys::block_signals(false);
            let error = match before() {
                Ok(()) => sys::execute(&program, &arguments, &environment),
                Err(error) => error,
            };
            let step = format!("execute {path}");
            let failure = Failure::new(step, error.raw_os_error().unwrap_or(libc::EIO));
            report(status, &Report::ExecuteFailed(failure));
            sys::exit_now(127)
        }
    }
}

fn text(text: &str) -> Result<CString, Failure> {
    CString::new(text).map_err(|_| Failure::new("take a text with a zero byte in it", libc::EINVAL))
}

fn pointers(strings: &[impl AsRef<CStr>]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ref().as_ptr()).chain([std::ptr::null()]).collect()
}

/// The programs of one sandbox, and who watches over them.
struct Watch<'a> {
    status: &'a OwnedFd,
    entry: &'a Entry,
    receiver: Receiver,
    parent: Option<rustix::process::Pid>,
    contained: bool,
    /// Their pids, in the order of the entry; 0 once one has ended.
    companions: Vec<i32>,
    program: Option<i32>,
    reports_orphans: bool,
}

impl Watch<'_> {
    fn start_companions(&mut self, output: BorrowedFd<'_>) -> Result<(), Failure> {
        let entry = self.entry;
        for path in &entry.companions {
            let before = || {
                for number in [1, 2] {
                    sys::duplicate(output, number)?;
                }
                sys::close_all_but(3, &[self.status.as_raw_fd()]);
                Ok(rustix::process::chdir(&entry.companion_cwd)?)
            };
            let arguments = std::slice::from_ref(path);
            let pid = start(self.status, path, arguments, &entry.companion_environment, 0, before)?;
            self.companions.push(pid);
        }
        // The output ends when the last writer is gone, and that must not wait for us; the program's is still needed.
        sys::close_all_but(4, &[self.status.as_raw_fd()]);
        Ok(())
    }

    /// `booting` is the socket at which a program that is started ahead waits.
    fn start_program(&mut self, booting: Option<&OwnedFd>) -> Result<(), Failure> {
        let entry = self.entry;
        // Padded with blanks: the environment that it is claimed with is written there too.
        let told = booting.map(|socket| format!("{BOOT_VARIABLE}={:<ROOM_BYTES$}", socket.as_raw_fd()));
        // And room in the list of variables, for a program that has it set.
        let slots = std::iter::repeat_n(String::new(), if booting.is_some() { SLOTS } else { 0 });
        let environment = entry.environment.iter().cloned().chain(told).chain(slots).collect::<Vec<_>>();
        let before = || match booting {
            Some(socket) => Ok(rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::empty())?),
            None => Ok(()),
        };
        // With this process's working directory as its own, so that this process can change it for both.
        let shared = if booting.is_some() { libc::CLONE_FS } else { 0 };
        let pid = start(self.status, &entry.program, &entry.arguments, &environment, shared, before)?;
        self.program = Some(pid);
        sys::close_all_but(0, &[self.status.as_raw_fd()]);
        Ok(())
    }

    /// Waits until the sandbox is to end, collecting every process that ends.
    fn until_the_end(&mut self) -> Ended {
        loop {
            let Some((signal, sender)) = sys::wait_signal() else { continue };
            match signal {
                libc::SIGCHLD => {
                    while let Some((pid, status)) = sys::reap(-1, false) {
                        if let Some(ended) = self.collected(pid, decode(status)) {
                            return ended;
                        }
                    }
                }
                // Whoever says so: tasks come from the spawner alone.
                TOLD => self.hear(),
                // Only what comes from outside the namespace is an order; the function may not pose as the platform.
                _ if self.contained && sender != 0 => {}
                libc::SIGTERM | libc::SIGINT if self.contained => self.signal(signal),
                REPORT_ORPHANS if self.contained => self.reports_orphans = true,
                _ if self.contained => {}
                // The spawner is gone.
                _ if rustix::process::getppid() != self.parent => return Ended::Signal(libc::SIGKILL),
                END => return Ended::Signal(libc::SIGKILL),
                FREEZE => descendants().into_iter().for_each(|pid| sys::kill(pid, libc::SIGSTOP)),
                THAW => descendants().into_iter().for_each(|pid| sys::kill(pid, libc::SIGCONT)),
                libc::SIGTERM | libc::SIGINT => self.signal(signal),
                _ => {}
            }
        }
    }

    /// A process has ended: how everything ends, if it was the only program.
    fn collected(&mut self, pid: i32, ended: Ended) -> Option<Ended> {
        if let Some(index) = self.companions.iter().position(|companion| *companion == pid) {
            self.companions[index] = 0;
            report(self.status, &Report::CompanionEnded { index, ended });
        } else if self.program == Some(pid) {
            if self.companions.is_empty() {
                return Some(ended);
            }
            // Nothing that gets its number later is to be signalled.
            self.program = Some(0);
            report(self.status, &Report::ProgramEnded(ended));
        } else if self.reports_orphans {
            report(self.status, &Report::Orphan { number: pid, ended });
        }
        None
    }

    fn signal(&self, signal: i32) {
        if let Some(pid) = self.program.filter(|pid| *pid > 0) {
            sys::kill(pid, signal);
        }
    }

    fn hear(&mut self) {
        while let Ok(Some((task, fds))) = self.receiver.receive::<Task>(self.status, RecvFlags::DONTWAIT) {
            match task {
                Task::Begin if self.program.is_none() => {
                    if self.start_program(None).is_err() {
                        // No process could be made: as if it had failed at once.
                        report(self.status, &Report::ProgramEnded(Ended::Code(127)));
                        self.program = Some(0);
                    }
                }
                Task::Begin => {}
                Task::Kill => self.signal(libc::SIGKILL),
                Task::Socket { datagrams } => send_socket(self.status, datagrams),
                Task::Place { directory } => place(&directory, &fds),
            }
        }
    }
}

/// Leads the program that was started ahead, and waits at the other end of a socket, into its working directory.
fn place(directory: &Path, fds: &[OwnedFd]) {
    let Some(socket) = fds.first() else { return };
    if rustix::process::chdir(directory).is_ok() {
        // Fails only when the program has ended.
        let _ = rustix::net::send(socket, b".", SendFlags::NOSIGNAL);
    }
}

/// Opens a socket for the daemon, in the network namespace of this process.
pub(crate) fn send_socket(status: &OwnedFd, datagrams: Option<u16>) {
    let socket = open_socket(datagrams);
    let fds: Vec<_> = socket.iter().map(AsFd::as_fd).collect();
    // Fails only when the spawner is gone, and then so are we.
    let _ = channel::send(status, &Report::Socket, &fds);
}

fn open_socket(datagrams: Option<u16>) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let kind = if datagrams.is_some() { SocketType::DGRAM } else { SocketType::STREAM };
    let socket = rustix::net::socket_with(AddressFamily::INET, kind, flags, None)?;
    if let Some(port) = datagrams {
        rustix::net::bind(&socket, &std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port))?;
    }
    Ok(socket)
}

fn decode(status: i32) -> Ended {
    if libc::WIFSIGNALED(status) {
        Ended::Signal(libc::WTERMSIG(status))
    } else {
        Ended::Code(libc::WEXITSTATUS(status))
    }
}

fn report(status: &OwnedFd, report: &Report) {
    // Fails only when the spawner is gone, and then so are we.
    let _ = channel::send(status, report, &[]);
}

/// Kills whatever the program has started and left behind.
pub(crate) fn end_descendants() {
    loop {
        let living = descendants();
        if living.is_empty() {
            return;
        }
        for pid in &living {
            sys::kill(*pid, libc::SIGKILL);
        }
        // Blocks until one of them has ended, so this loop does not spin.
        if sys::reap(-1, true).is_none() {
            return;
        }
        while sys::reap(-1, false).is_some() {}
    }
}

/// Every process below this one, parents first.
fn descendants() -> Vec<i32> {
    let mut found = children("self");
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(children(&pid.to_string()));
        next += 1;
    }
    found
}

/// The children of all threads of one process.
pub(crate) fn children(process: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for thread in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
        let list = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        found.extend(list.split_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    found
}
