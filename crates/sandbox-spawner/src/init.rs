//! The first process of a sandbox: starts the program, collects orphans, tells how the program ended.
//!
//! In a pid namespace its own end is the end of everything in it; the kernel sees to that. Without one it finds its
//! descendants itself: they cannot leave, because orphans become its children.

use std::ffi::CStr;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};

use serde::{Deserialize, Serialize};

use crate::channel;
use crate::enter::{self, Entry};
use crate::failure::Failure;
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
}

/// Signals with which the spawner steers a first process that has no cgroup.
pub(crate) const FREEZE: i32 = libc::SIGUSR1;
pub(crate) const THAW: i32 = libc::SIGUSR2;
pub(crate) const END: i32 = libc::SIGQUIT;

/// Everything the child of the spawner does. Never returns to the spawner's code.
pub(crate) fn run(entry: &Entry<'_>) -> ! {
    let parent = rustix::process::getppid();
    let contained = entry.walls.is_some();
    let started = sys::block_signals(true)
        .map_err(|error| Failure::new("block signals", error.raw_os_error().unwrap_or(libc::EIO)))
        .and_then(|()| enter::enter(entry));
    if let Err(failure) = started {
        report(&entry.status, &Report::Failed(failure));
        sys::exit_now(1);
    }
    if !contained {
        // Failing leaves orphans to the spawner, which looks for them too.
        let _ = sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
    }
    let program = match start(entry) {
        Ok(pid) => pid,
        Err(failure) => {
            report(&entry.status, &Report::Failed(failure));
            sys::exit_now(1);
        }
    };
    // This process is a copy of the spawner: nothing in the sandbox may look into it.
    let _ = sys::prctl(libc::PR_SET_DUMPABLE, 0);
    // The output ends when the last writer is gone, and that must not wait for us.
    let status = &entry.status;
    sys::close_all_but(0, &[status.as_raw_fd()]);
    report(status, &Report::Running);

    let ended = watch(program, parent, contained);
    if !contained {
        end_descendants();
    }
    report(status, &Report::Ended(ended));
    sys::exit_now(0)
}

/// Starts the program; returns once it executes or has failed to.
fn start(entry: &Entry<'_>) -> Result<i32, Failure> {
    let forked = sys::fork(libc::CLONE_VFORK)
        .map_err(|error| Failure::new("fork the program", error.raw_os_error().unwrap_or(libc::EIO)))?;
    match forked {
        Forked::Parent { pid, .. } => Ok(pid),
        Forked::Child => {
            // Its own session: signals to its process group stay below it.
            let _ = rustix::process::setsid();
            sys::reset_signals();
            let _ = sys::block_signals(false);
            let arguments = pointers(&entry.arguments);
            let environment = pointers(&entry.environment);
            let error = sys::execute(&entry.program, &arguments, &environment);
            let step = format!("execute {}", entry.program.to_string_lossy());
            let failure = Failure::new(step, error.raw_os_error().unwrap_or(libc::EIO));
            report(&entry.status, &Report::ExecuteFailed(failure));
            sys::exit_now(127)
        }
    }
}

fn pointers(strings: &[impl AsRef<CStr>]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ref().as_ptr()).chain([std::ptr::null()]).collect()
}

/// Waits for the program's end, collecting every other process that ends.
fn watch(program: i32, parent: Option<rustix::process::Pid>, contained: bool) -> Ended {
    loop {
        let Some((signal, sender)) = sys::wait_signal() else { continue };
        if signal == libc::SIGCHLD {
            while let Some((pid, status)) = sys::reap(-1, false) {
                if pid == program {
                    return decode(status);
                }
            }
            continue;
        }
        if contained {
            // Only what comes from outside the namespace is an order; the function may not pose as the platform.
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
