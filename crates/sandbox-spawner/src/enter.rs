//! What a new child does to become a sandbox: everything from the fork to the moment the program can be
//! executed.
//!
//! The order is what makes it safe: privileges are used up first and given away last, and the user namespace
//! comes at the very end, so that it owns neither the mounts nor the network of its own sandbox.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::OpenTreeFlags;
use rustix::thread::{CapabilitySet, CapabilitySets, LinkNameSpaceType, UnshareFlags};
use sandbox::Limits;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result, Step};
use crate::mounts::{self, NO_DEVICES, READ_ONLY};
use crate::root::{self, INSIDE_ID};
use crate::sys;

/// Readable by every user, and of no use to a function.
pub(crate) const PROC_MASKED: [&str; 3] = ["/proc/kcore", "/proc/keys", "/proc/timer_list"];

/// One sandbox as its first process is told it; comes with the output pipe and the mounts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub limits: Limits,
    pub cwd: PathBuf,
    pub program: String,
    /// Program name included.
    pub arguments: Vec<String>,
    pub environment: Vec<String>,
    /// Programs to start first; if there are any, their output pipe follows the program's.
    pub companions: Vec<String>,
    pub companion_environment: Vec<String>,
    pub companion_cwd: PathBuf,
    /// The program is started ahead; the socket it waits at comes after the output pipe.
    pub boots: bool,
    /// Where the mounts go, in the order of their descriptors.
    pub mounts: Vec<PathBuf>,
    /// Size of a `/tmp` in memory, where there is no disk for it among the mounts.
    pub tmpfs_bytes: Option<u64>,
    /// The user to become; the present one where the host allows no other.
    pub uid: Option<u32>,
}

/// What separates a sandbox from the host, as far as it is the same for all.
#[derive(Clone, Copy)]
pub(crate) struct Walls<'a> {
    /// Files that take the child into its cgroups.
    pub entrances: &'a [File],
    pub root: BorrowedFd<'a>,
    pub filter: &'a [libc::sock_filter],
}

/// The first half, done ahead: everything that is the same whatever will run here.
///
/// Entering a cgroup is why: it takes microseconds when others just did so, but a grace period of the kernel,
/// 7 to 13 ms, when nobody has for a while.
pub(crate) fn prepare(walls: Option<Walls<'_>>) -> Result<()> {
    die_with_spawner(walls.is_some())?;
    rustix::process::setsid().step("start a session")?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    walls.map_or(Ok(()), build_walls)
}

/// The second half: turns the calling process, the first of its pid namespace, into this one sandbox.
pub(crate) fn enter(
    entry: &Entry,
    fds: &[OwnedFd],
    walls: Option<Walls<'_>>,
    keep: BorrowedFd<'_>,
) -> Result<()> {
    let missing = || Failure::new("take the output pipe", libc::EBADF);
    let [output, mounts @ ..] = fds else { return Err(missing()) };
    let (companion_output, mounts) = if entry.companions.is_empty() {
        (None, mounts)
    } else {
        mounts.split_first().map(|(first, rest)| (Some(first), rest)).ok_or_else(missing)?
    };
    let (booting, mounts) = if entry.boots {
        mounts.split_first().map(|(first, rest)| (Some(first), rest)).ok_or_else(missing)?
    } else {
        (None, mounts)
    };
    let (mut mounts, mut points) = (mounts, &entry.mounts[..]);
    if let ([image, rest @ ..], [point, others @ ..]) = (mounts, points)
        && point == Path::new("/")
    {
        root::change_to_image(image)?;
        (mounts, points) = (rest, others);
    }
    if let Some(size) = entry.tmpfs_bytes {
        mounts::attach(mounts::memory(size)?.as_fd(), Path::new("/tmp"))?;
    }
    for (mount, path) in mounts.iter().zip(points) {
        mounts::attach(mount.as_fd(), path)?;
    }
    set_standard_streams(output)?;
    // Everything was used that came through a descriptor; what is left would only leak.
    let mut kept = vec![keep.as_raw_fd()];
    kept.extend(companion_output.into_iter().chain(booting).map(AsRawFd::as_raw_fd));
    kept.sort_unstable();
    sys::close_all_but(4, &kept);
    set_limits(&entry.limits)?;
    if walls.is_some() {
        become_nobody(entry.uid)?;
        // Becoming another user made the kernel forget it.
        die_with_spawner(true)?;
    }
    // A user namespace keeps the limit of when it was made for everything below it. Copies of this sandbox are
    // there, and each is to have the whole of its own.
    sys::limit(libc::RLIMIT_NPROC, entry.limits.processes).step("set process limits")?;
    rustix::process::chdir(&entry.cwd)
        .step_with(|| format!("enter working directory {}", entry.cwd.display()))?;
    rustix::thread::set_no_new_privs(true).step("give up gaining privileges")?;
    walls.map_or(Ok(()), |walls| sys::install_filter(walls.filter).step("install the system call filter"))
}

/// In a pid namespace dying is enough to take everybody along; without one the first process has to do that.
fn die_with_spawner(contained: bool) -> Result<()> {
    let fate = if contained { libc::SIGKILL } else { libc::SIGHUP };
    sys::prctl(libc::PR_SET_PDEATHSIG, fate as _).step("die with the spawner")
}

fn build_walls(walls: Walls<'_>) -> Result<()> {
    for mut entrance in walls.entrances {
        entrance.write_all(b"0").step("enter cgroup")?;
    }
    rustix::thread::move_into_link_name_space(walls.root, Some(LinkNameSpaceType::Mount))
        .step("enter the root")?;
    // The cgroup namespace begins at the group entered above, so the function sees itself at its top.
    root::unshare(UnshareFlags::NEWNS | UnshareFlags::NEWCGROUP, "copy the root")?;
    rustix::system::sethostname(b"lambda").step("set host name")?;
    let attributes = NO_DEVICES | libc::MOUNT_ATTR_NOEXEC;
    let proc = mounts::new_filesystem("proc", &[("hidepid", "invisible")], attributes)?;
    mounts::attach(proc.as_fd(), Path::new("/proc"))?;
    for path in PROC_MASKED {
        // Not every kernel has all of them.
        if Path::new(path).exists() {
            let nothing = mounts::copy_tree(Path::new("/dev/null"), READ_ONLY)?;
            mounts::attach(nothing.as_fd(), Path::new(path))?;
        }
    }
    Ok(())
}

fn set_standard_streams(output: &OwnedFd) -> Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .step("open /dev/null")?;
    for (from, to) in [(&null, 0), (output, 1), (output, 2), (output, 3)] {
        sys::duplicate(from.as_fd(), to).step("set standard streams")?;
    }
    Ok(())
}

fn set_limits(limits: &Limits) -> Result<()> {
    let all = [
        (libc::RLIMIT_NOFILE, limits.open_files),
        (libc::RLIMIT_STACK, limits.stack_bytes),
        (libc::RLIMIT_MEMLOCK, limits.locked_memory_bytes),
        (libc::RLIMIT_CORE, 0),
        (libc::RLIMIT_MSGQUEUE, 0),
        (libc::RLIMIT_NICE, 0),
        (libc::RLIMIT_RTPRIO, 0),
    ];
    for (resource, value) in all {
        sys::limit(resource, value).step("set process limits")?;
    }
    Ok(())
}

/// Becomes a user without any rights, in a user namespace of its own.
fn become_nobody(uid: Option<u32>) -> Result<()> {
    // `/proc` is about to be read-only. This copy, attached nowhere, stays writable for the identity below.
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let proc = rustix::mount::open_tree(CWD, "/proc", flags).step("copy /proc")?;
    let shown =
        rustix::mount::open_tree(CWD, "/proc", OpenTreeFlags::OPEN_TREE_CLOEXEC).step("open /proc")?;
    let attributes = READ_ONLY | NO_DEVICES | libc::MOUNT_ATTR_NOEXEC;
    sys::mount_set_attributes(shown.as_fd(), attributes, false).step("protect /proc")?;

    let outside = match uid {
        Some(uid) => {
            sys::set_user(uid, uid).step("become the sandbox's user")?;
            uid
        }
        None => rustix::process::geteuid().as_raw(),
    };
    let outside_group = rustix::process::getegid().as_raw();
    // Changing user made our own entries in `/proc` root's.
    sys::prctl(libc::PR_SET_DUMPABLE, 1).step("own the own process")?;
    root::unshare(UnshareFlags::NEWUSER, "make a user namespace")?;
    for (file, text) in [
        ("self/setgroups", "deny".to_owned()),
        ("self/uid_map", format!("{INSIDE_ID} {outside} 1")),
        ("self/gid_map", format!("{INSIDE_ID} {outside_group} 1")),
    ] {
        let file = rustix::fs::openat(&proc, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
            .step_with(|| format!("open {file}"))?;
        rustix::io::write(&file, text.as_bytes()).step("map the sandbox's user")?;
    }
    // The new namespace gave back every capability, worthless as they are there.
    sys::drop_bounding_set().step("drop the bounding set")?;
    let nothing = CapabilitySet::empty();
    let sets = CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing };
    rustix::thread::set_capabilities(None, sets).step("drop capabilities")
}
