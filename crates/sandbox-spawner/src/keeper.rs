//! The keeper: one process for each template. It holds the snapshot, a stopped process, and makes copies of it.
//!
//! The program says when it is ready by forking: that fork's child, which never ran, is the snapshot, and the program
//! itself never runs again. The keeper traces both from then on. A copy is a fork of the snapshot, moved into fresh
//! namespaces (`graft.rs`) by calls that the keeper has it execute (`tracee.rs`), and let go when it has lost every
//! right those calls needed. The function's own code runs at no time between.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::RecvFlags;
use rustix::process::{Pid, PidfdFlags};
use serde::{Deserialize, Serialize};

use crate::carry;
use crate::cgroup::Layout;
use crate::channel::{self, Receiver};
use crate::failure::{Failure, Result, Step};
use crate::graft::{self, Furniture, Word};
use crate::image::{self, Descriptor, Fate, Image, Refusal};
use crate::init;
use crate::sys::{self, Forked};
use crate::tracee::{self, Frame, Stop, Tracee};

/// How long the program may take to fork after it was told to.
const FORK_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
/// Paths are relative to the working directory; all used here are absolute.
const CURRENT: u64 = libc::AT_FDCWD as u64;
const CAPABILITY_VERSION: u32 = 0x2008_0522;
const NAMESPACES: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

/// Spawner to keeper.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Errand {
    /// Make a copy. Comes with the holder's status socket, the output pipe and the mounts.
    Copy(Order),
    /// Let a copy that was held run.
    Release(u64),
    /// End a copy that was held.
    End(u64),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub id: u64,
    /// Whether it is to be held until it is wanted, and not to run before.
    pub held: bool,
    /// First process of the place the copy is moved to.
    pub holder: i32,
    pub group: Option<String>,
    /// Where the mounts go, in the order of their descriptors.
    pub points: Vec<PathBuf>,
    pub tmpfs_bytes: Option<u64>,
    /// Processes and threads it may have.
    pub processes: u64,
}

/// Keeper to spawner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    /// The program may fork now.
    Watching,
    Taken,
    /// No snapshot can be taken, in words for the function's owner.
    Refused(Refusal),
    /// Comes with the copy's pidfd, and runs from now on, unless it is held.
    Copied {
        id: u64,
        pid: i32,
        /// Its number among the template's processes, whose first process collects it.
        number: i32,
    },
    CopyFailed {
        id: u64,
        failure: Failure,
    },
}

/// A keeper as the spawner knows it.
pub(crate) struct Keeper {
    pub pid: i32,
    pub socket: OwnedFd,
}

/// Starts a keeper for the sandbox whose first process is `first`.
pub(crate) fn start(first: i32, layout: &Layout) -> Result<Keeper> {
    let (socket, theirs) = channel::pair().step("make keeper socket")?;
    match sys::fork(0).step("fork the keeper")? {
        Forked::Parent { pid, .. } => Ok(Keeper { pid, socket }),
        Forked::Child => {
            // The daemon's socket above all, and other sandboxes' parts.
            sys::close_all_but(4, &[theirs.as_raw_fd()]);
            let _ = sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as _);
            match Snapshot::take(first, &theirs) {
                Ok(snapshot) => snapshot.serve(&theirs, layout),
                Err(refusal) => {
                    let _ = channel::send(&theirs, &Told::Refused(refusal), &[]);
                }
            }
            // The end of the tracer is the end of what it traces.
            sys::exit_now(0)
        }
    }
}

struct Snapshot {
    process: Tracee,
    /// Become readable when the program or the snapshot has ended.
    ends: [OwnedFd; 2],
    frame: Frame,
    image: Image,
    /// What INIT left there.
    tmp: OwnedFd,
    /// The program's own process number, which the snapshot's memory may remember.
    program_number: i32,
}

impl Snapshot {
    fn take(first: i32, socket: &OwnedFd) -> std::result::Result<Self, Refusal> {
        let words = |failure: Failure| failure.to_string();
        let [program] = init::children(&first.to_string())[..] else {
            return Err("it has more than one process".to_owned());
        };
        image::is_alone(first, program)?;
        let program = Tracee::seize(program).map_err(words)?;
        channel::send(socket, &Told::Watching, &[]).map_err(|error| error.to_string())?;
        let process = await_fork(program, socket)?;
        let frame = process.frame_of_fork(program).map_err(words)?;
        // Between the first look and the stop it ran: what it has now is what counts.
        if init::children(&first.to_string()) != [program.pid]
            || init::children(&program.pid.to_string()) != [process.pid]
        {
            return Err("it has more than one process".to_owned());
        }
        image::has_one_thread(program.pid)?;
        // Copies are to be collected by the sandbox's first process, not by one that never runs again.
        program
            .after_fork()
            .and_then(|frame| {
                let arguments = [libc::PR_SET_CHILD_SUBREAPER as u64, 0];
                program.call(&frame, "take the program's orphans", libc::SYS_prctl, &arguments)
            })
            .map_err(words)?;
        let image = image::examine(process.pid)?;
        let tmp = carry::open(process.pid).map_err(words)?;
        carry::check(&tmp)?;
        let program_number = number_inside(program.pid).map_err(words)?;
        let ends = [watch(program.pid).map_err(words)?, watch(process.pid).map_err(words)?];
        let snapshot = Self { process, ends, frame, image, tmp, program_number };
        snapshot.bury_connections().map_err(words)?;
        channel::send(socket, &Told::Taken, &[]).map_err(|error| error.to_string())?;
        Ok(snapshot)
    }

    /// Connections end at a snapshot, as on Lambda. Once, before the first copy, so that copies have nothing in common.
    fn bury_connections(&self) -> Result<()> {
        let dead: Vec<_> =
            self.image.descriptors.iter().filter(|descriptor| descriptor.fate == Fate::Dead).collect();
        if dead.is_empty() {
            return Ok(());
        }
        let (process, frame) = (self.process, &self.frame);
        let pair_at = process.place(frame, &[0; 8])?;
        let step = "end connections";
        let arguments = [libc::AF_UNIX as u64, libc::SOCK_STREAM as u64, 0, pair_at];
        process.call(frame, step, libc::SYS_socketpair, &arguments)?;
        let mut pair = [0; 8];
        process.read(pair_at, &mut pair)?;
        let [one, other] = [&pair[..4], &pair[4..]]
            .map(|end| u64::from(u32::from_ne_bytes([end[0], end[1], end[2], end[3]])));
        process.call(frame, step, libc::SYS_close, &[other])?;
        for descriptor in dead {
            replace(process, frame, one, descriptor)?;
        }
        process.call(frame, step, libc::SYS_close, &[one]).map(drop)
    }

    fn serve(self, socket: &OwnedFd, layout: &Layout) {
        let mut receiver = Receiver::new();
        let mut held = BTreeMap::<u64, Copy>::new();
        loop {
            let ends = self.ends.iter().chain(held.values().map(|copy| &copy.pidfd));
            let mut polled: Vec<_> =
                [socket].into_iter().chain(ends).map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
            match rustix::event::poll(&mut polled, None) {
                Err(rustix::io::Errno::INTR) => continue,
                Ok(_) if polled[1..3].iter().all(|end| end.revents().is_empty()) => {}
                // They stay until their tracer is gone, and their sandbox with them.
                _ => return,
            }
            let is_asked = !polled[0].revents().is_empty();
            let ended = held.keys().zip(&polled[3..]).filter(|(_, end)| !end.revents().is_empty());
            // As their tracer we are the first to have to collect them.
            for id in ended.map(|(id, _)| *id).collect::<Vec<_>>() {
                held.remove(&id).into_iter().for_each(|copy| copy.process.kill());
            }
            if !is_asked {
                continue;
            }
            let Ok(Some((errand, fds))) = receiver.receive::<Errand>(socket, RecvFlags::empty()) else {
                return;
            };
            match errand {
                Errand::Copy(order) => {
                    let id = order.id;
                    let sent = match self.copy(&order, &fds, layout) {
                        Ok(copy) => {
                            let told = Told::Copied { id, pid: copy.process.pid, number: copy.number };
                            // Told first: it may end at once.
                            let sent = channel::send(socket, &told, &[copy.pidfd.as_fd()]);
                            if order.held {
                                held.insert(id, copy);
                            } else {
                                copy.let_go();
                            }
                            sent
                        }
                        Err(failure) => channel::send(socket, &Told::CopyFailed { id, failure }, &[]),
                    };
                    if sent.is_err() {
                        return;
                    }
                }
                Errand::Release(id) => held.remove(&id).into_iter().for_each(Copy::let_go),
                Errand::End(id) => held.remove(&id).into_iter().for_each(|copy| copy.process.kill()),
            }
        }
    }

    fn copy(&self, order: &Order, fds: &[OwnedFd], layout: &Layout) -> Result<Copy> {
        let [status, output, mounts @ ..] = fds else {
            return Err(Failure::new("take the parts of a copy", libc::EBADF));
        };
        let furniture = Furniture {
            mounts,
            points: &order.points,
            tmpfs_bytes: order.tmpfs_bytes,
            tmp_of_template: &self.tmp,
        };
        graft::furnish(order.holder, &furniture)?;
        graft::tell(status, Word::Hold, &[output.as_fd()])?;
        let process = self.fork_into(order.holder)?;
        let made = self.finish(process, order, status, layout);
        if made.is_err() {
            process.kill();
        }
        made
    }

    /// Forks the snapshot twice: the first fork enters the namespaces and is gone, the second is born inside them.
    fn fork_into(&self, holder: i32) -> Result<Tracee> {
        let (between, number) = self.process.fork(&self.frame)?;
        let inside = (|| {
            let step = "enter the copy's namespaces";
            let holder = number_above(holder)? as u64;
            let holder = between.call(&self.frame, step, libc::SYS_pidfd_open, &[holder, 0])?;
            between.call(&self.frame, step, libc::SYS_setns, &[holder, graft::NAMESPACES as u64])?;
            between.call(&self.frame, step, libc::SYS_close, &[holder])?;
            between.fork(&self.frame).map(|(process, _)| process)
        })();
        between.kill();
        // Its parent is the snapshot.
        let arguments = [number, 0, libc::__WALL as u64, 0];
        self.process.call(&self.frame, "collect what is between", libc::SYS_wait4, &arguments)?;
        inside
    }

    fn finish(&self, process: Tracee, order: &Order, status: &OwnedFd, layout: &Layout) -> Result<Copy> {
        if let Some(name) = &order.group {
            for mut entrance in layout.group(name).entrances()? {
                write!(entrance, "{}", process.pid).step("move the copy to its cgroup")?;
            }
        }
        self.give_output(process)?;
        self.reopen_files(process)?;
        self.take_rights(process, order.processes)?;
        graft::tell(status, Word::LetGo, &[])?;
        self.verify(process, order)?;
        process.restore(&self.frame)?;
        Ok(Copy { process, pidfd: watch(process.pid)?, number: number_above(process.pid)? })
    }

    fn give_output(&self, process: Tracee) -> Result<()> {
        let (frame, step) = (&self.frame, "give the copy its output");
        let path = process.place(frame, b"/proc/1/fd/1\0")?;
        let output = process.call(frame, step, libc::SYS_openat, &[CURRENT, path, libc::O_WRONLY as u64])?;
        for descriptor in self.image.descriptors.iter().filter(|descriptor| descriptor.fate == Fate::Output) {
            replace(process, frame, output, descriptor)?;
        }
        process.call(frame, step, libc::SYS_close, &[output]).map(drop)
    }

    fn reopen_files(&self, process: Tracee) -> Result<()> {
        let (frame, step) = (&self.frame, "open the copy's files");
        for descriptor in &self.image.descriptors {
            let Fate::Reopen { position } = descriptor.fate else { continue };
            let path = process.place(frame, format!("/proc/self/fd/{}\0", descriptor.number).as_bytes())?;
            let opened =
                process.call(frame, step, libc::SYS_openat, &[CURRENT, path, libc::O_RDONLY as u64])?;
            process.call(frame, step, libc::SYS_lseek, &[opened, position, libc::SEEK_SET as u64])?;
            replace(process, frame, opened, descriptor)?;
            process.call(frame, step, libc::SYS_close, &[opened])?;
        }
        let cwd = process.place(frame, format!("{}\0", self.image.cwd).as_bytes())?;
        if process.call(frame, "enter the working directory", libc::SYS_chdir, &[cwd]).is_err() {
            let cwd = process.place(frame, b"/var/task\0")?;
            process.call(frame, "enter the working directory", libc::SYS_chdir, &[cwd])?;
        }
        Ok(())
    }

    /// Entering a user namespace gave it every right there.
    fn take_rights(&self, process: Tracee, processes: u64) -> Result<()> {
        let (frame, step) = (&self.frame, "take the copy's rights");
        // Else a signal to its group would reach every other copy.
        process.call(frame, step, libc::SYS_setsid, &[])?;
        for capability in 0..64 {
            match process.call(frame, step, libc::SYS_prctl, &[libc::PR_CAPBSET_DROP as u64, capability]) {
                Err(failure) if failure.errno == libc::EINVAL => break,
                other => other?,
            };
        }
        // The snapshot's own counts what all copies have together.
        let limit = process.place(frame, &[processes.to_ne_bytes(); 2].concat())?;
        let arguments = [0, u64::from(libc::RLIMIT_NPROC), limit, 0];
        process.call(frame, step, libc::SYS_prlimit64, &arguments)?;
        let mut nothing = [0; 32];
        nothing[..4].copy_from_slice(&CAPABILITY_VERSION.to_ne_bytes());
        let header = process.place(frame, &nothing)?;
        process.call(frame, step, libc::SYS_capset, &[header, header + 8])?;
        process.call(frame, step, libc::SYS_prctl, &[libc::PR_SET_DUMPABLE as u64, 1]).map(drop)
    }

    /// What was done was done by a process that the function had in its hands: see from outside that it is so.
    fn verify(&self, process: Tracee, order: &Order) -> Result<()> {
        let wrong = |what: &str| Failure::new(format!("verify the copy's {what}"), libc::EPERM);
        for kind in NAMESPACES {
            let of = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/{kind}")).step("verify the copy");
            if of(process.pid)? != of(order.holder)? {
                return Err(wrong(kind));
            }
        }
        let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).step("verify the copy")?;
        let field = |name| image::status_field(&status, name).unwrap_or_default();
        for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            if field(name).bytes().any(|digit| digit != b'0') || field(name).is_empty() {
                return Err(wrong(name));
            }
        }
        if field("NoNewPrivs") != "1" || field("Seccomp") != "2" || field("Threads") != "1" {
            return Err(wrong("filter"));
        }
        let limits = fs::read_to_string(format!("/proc/{}/limits", process.pid)).step("verify the copy")?;
        let processes =
            limits.lines().find_map(|line| line.strip_prefix("Max processes")).unwrap_or_default();
        if processes
            .split_whitespace()
            .take(2)
            .any(|limit| limit.parse::<u64>().map_or(true, |limit| limit > order.processes))
        {
            return Err(wrong("limit on processes"));
        }
        let numbers = |name: &'static str| field(name).split_whitespace().last().map(str::to_owned);
        if numbers("NSsid") != numbers("NSpid") {
            return Err(wrong("session"));
        }
        // Libraries that keep random numbers ahead tell a fork by its process number.
        if number_inside(process.pid)? == self.program_number {
            return Err(wrong("process number"));
        }
        Ok(())
    }
}

struct Copy {
    process: Tracee,
    pidfd: OwnedFd,
    number: i32,
}

impl Copy {
    fn let_go(self) {
        if self.process.release().is_err() {
            // Killed already.
            self.process.kill();
        }
    }
}

fn watch(pid: i32) -> Result<OwnedFd> {
    let pid = Pid::from_raw(pid).ok_or_else(|| Failure::new("watch a process", libc::ESRCH))?;
    rustix::process::pidfd_open(pid, PidfdFlags::empty()).step("watch a process")
}

/// Makes `descriptor` another name of `from`.
fn replace(process: Tracee, frame: &Frame, from: u64, descriptor: &Descriptor) -> Result<()> {
    let flags = if descriptor.close_on_exec { libc::O_CLOEXEC as u64 } else { 0 };
    let arguments = [from, descriptor.number as u64, flags];
    process.call(frame, "replace a descriptor", libc::SYS_dup3, &arguments).map(drop)
}

/// Waits until `program` forks; gives the new process, stopped before it ran.
fn await_fork(program: Tracee, socket: &OwnedFd) -> std::result::Result<Tracee, Refusal> {
    let words = |failure: Failure| failure.to_string();
    let mut waited = Duration::ZERO;
    loop {
        let Some(stop) = tracee::wait_for(program.pid, false).map_err(words)? else {
            if waited > FORK_WITHIN {
                return Err("it did not fork when it was told to".to_owned());
            }
            waited += Duration::from_nanos(LOOK_EVERY.tv_nsec as u64);
            let mut polled = [PollFd::new(socket, PollFlags::IN)];
            let _ = rustix::event::poll(&mut polled, Some(&LOOK_EVERY));
            if !polled[0].revents().is_empty() {
                return Err("it was not awaited any more".to_owned());
            }
            continue;
        };
        match stop {
            Stop::Event(libc::PTRACE_EVENT_FORK) => {
                let process = program.event_process().map_err(words)?;
                process.wait().map_err(words)?;
                return Ok(process);
            }
            Stop::Signal(signal) => program.go_on(signal).map_err(|error| error.to_string())?,
            Stop::Ended => return Err("it ended before the snapshot".to_owned()),
            _ => return Err("it did something else than fork when it was told to".to_owned()),
        }
    }
}

/// The number of a process in its own pid namespace.
fn number_inside(pid: i32) -> Result<i32> {
    numbers(pid)?.last().copied().ok_or_else(|| Failure::new("find a process's number", libc::ESRCH))
}

/// The number of a process in the pid namespace above its own.
fn number_above(pid: i32) -> Result<i32> {
    let numbers = numbers(pid)?;
    numbers.iter().rev().nth(1).copied().ok_or_else(|| Failure::new("find a process's number", libc::ESRCH))
}

fn numbers(pid: i32) -> Result<Vec<i32>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).step("find a process's number")?;
    let field = image::status_field(&status, "NSpid").unwrap_or_default();
    Ok(field.split_whitespace().filter_map(|number| number.parse().ok()).collect())
}
