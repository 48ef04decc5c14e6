//! The first process of a sandbox: starts the program, collects orphans, tells how the program ended.
//!
//! In a pid namespace its own end is the end of everything in it; the kernel sees to that. Without one it
//! finds its descendants itself: they cannot leave, because orphans become its children.

use std::ffi::{CStr, CString};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::net::RecvFlags;

use serde::{Deserialize, Serialize};

use crate::channel::{self, Receiver};
use crate::enter::{self, Entry, Walls};
use crate::failure::{Failure, Step};
use crate::sys::{self, Forked};
use crate::wire::Ended;

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
}

/// Signals with which the spawner steers a first process that has no cgroup.
pub(crate) const FREEZE: i32 = libc::SIGUSR1;
pub(crate) const THAW: i32 = libc::SIGUSR2;
pub(crate) const END: i32 = libc::SIGQUIT;
/// Has the first process of a template report the ends of orphans.
pub(crate) const REPORT_ORPHANS: i32 = libc::SIGUSR1;

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

    let told = Receiver::new().receive::<Entry>(status, RecvFlags::empty()).step("hear what to run")?;
    // The spawner does not need this one any more.
    let Some((entry, fds)) = told else { return Ok(()) };
    enter::enter(&entry, &fds, walls, status.as_fd())?;
    if walls.is_none() {
        // Failing leaves orphans to the spawner, which looks for them too.
        let _ = sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    }
    // This process is a copy of the spawner: nothing in the sandbox may look into it. Executing the program
    // gives the program its own answer to that.
    sys::prctl(libc::PR_SET_DUMPABLE, 0).step("close the first process to the sandbox")?;
    let program = start(&entry, status)?;
    // The output ends when the last writer is gone, and that must not wait for us.
    sys::close_all_but(0, &[status.as_raw_fd()]);
    report(status, &Report::Running);

    let ended = watch(program, parent, walls.is_some(), status);
    if walls.is_none() {
        end_descendants();
    }
    report(status, &Report::Ended(ended));
    // Their descriptors were closed above.
    std::mem::forget(fds);
    Ok(())
}

/// Starts the program; returns once it executes or has failed to.
fn start(entry: &Entry, status: &OwnedFd) -> Result<i32, Failure> {
    let program = text(&entry.program)?;
    let arguments = entry.arguments.iter().map(|one| text(one)).collect::<Result<Vec<_>, _>>()?;
    let environment = entry.environment.iter().map(|one| text(one)).collect::<Result<Vec<_>, _>>()?;
    let (arguments, environment) = (pointers(&arguments), pointers(&environment));
    match sys::fork(libc::CLONE_VFORK).step("fork the program")? {
        Forked::Parent { pid, .. } => Ok(pid),
        Forked::Child => {
            // Its own session: signals to its process group stay below it.
            let _ = rustix::process::setsid();
            sys::reset_signals();
            let _ = sys::block_signals(false);
            let error = sys::execute(&program, &arguments, &environment);
            let step = format!("execute {}", entry.program);
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

/// Waits for the program's end, collecting every other process that ends.
fn watch(
    program: i32,
    parent: Option<rustix::process::Pid>,
    contained: bool,
    status_socket: &OwnedFd,
) -> Ended {
    let mut reports_orphans = false;
    loop {
        let Some((signal, sender)) = sys::wait_signal() else { continue };
        if signal == libc::SIGCHLD {
            while let Some((pid, status)) = sys::reap(-1, false) {
                if pid == program {
                    return decode(status);
                }
                if reports_orphans {
                    report(status_socket, &Report::Orphan { number: pid, ended: decode(status) });
                }
            }
            continue;
        }
        if contained {
            // Only what comes from outside the namespace is an order; the function may not pose as the
            // platform.
            reports_orphans |= sender == 0 && signal == REPORT_ORPHANS;
            if sender == 0 && [libc::SIGTERM, libc::SIGINT].contains(&signal) {
                sys::kill(program, signal);
            }
            continue;
        }
        if rustix::process::getppid() != parent {
            // The spawner is gone.
            return Ended::Signal(libc::SIGKILL);
        }
        match signal {
            END => return Ended::Signal(libc::SIGKILL),
            FREEZE => descendants().into_iter().for_each(|pid| sys::kill(pid, libc::SIGSTOP)),
            THAW => descendants().into_iter().for_each(|pid| sys::kill(pid, libc::SIGCONT)),
            libc::SIGTERM | libc::SIGINT => sys::kill(program, signal),
            _ => {}
        }
    }
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
