//! What a new child does to become a sandbox: everything from the fork to the moment the program can be executed.
//!
//! The order is what makes it safe: privileges are used up first and given away last, and the user namespace comes
//! at the very end, so that it owns neither the mounts nor the network of its own sandbox.

use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::OpenTreeFlags;
use rustix::thread::{CapabilitySet, CapabilitySets, LinkNameSpaceType, UnshareFlags};
use sandbox::Limits;

use crate::failure::{Result, Step};
use crate::mounts::{self, NO_DEVICES, READ_ONLY};
use crate::root::{self, INSIDE_ID};
use crate::sys;

/// Readable by every user, and of no use to a function.
const PROC_MASKED: [&str; 3] = ["/proc/kcore", "/proc/keys", "/proc/timer_list"];

/// One sandbox as its first process needs it.
pub(crate) struct Entry<'a> {
    /// Absent when nothing but a child process is wanted.
    pub walls: Option<Walls<'a>>,
    pub limits: Limits,
    pub cwd: PathBuf,
    pub program: CString,
    pub arguments: Vec<CString>,
    pub environment: Vec<CString>,
    /// Where the first process tells the spawner how things go.
    pub status: OwnedFd,
    /// Becomes descriptors 1, 2 and 3 of the program.
    pub output: OwnedFd,
}

/// What separates a sandbox from the host.
pub(crate) struct Walls<'a> {
    /// Files that take the child into its cgroups.
    pub entrances: Vec<File>,
    pub network: OwnedFd,
    pub root: BorrowedFd<'a>,
    /// Detached mounts and where they go.
    pub mounts: Vec<(OwnedFd, PathBuf)>,
    /// Size of a `/tmp` in memory, where there is no disk for it among the mounts.
    pub tmpfs_bytes: Option<u64>,
    /// The user to become; the present one where the host allows no other.
    pub uid: Option<u32>,
    pub filter: &'a [libc::sock_filter],
}

/// Turns the calling process, the first of its pid namespace, into the sandbox.
pub(crate) fn enter(entry: &Entry<'_>) -> Result<()> {
    // Die with the spawner already while entering; asked again below, because becoming another user forgets it.
    let fate = if entry.walls.is_some() { libc::SIGKILL } else { libc::SIGHUP };
    sys::prctl(libc::PR_SET_PDEATHSIG, fate as _).step("die with the spawner")?;
    rustix::process::setsid().step("start a session")?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    if let Some(walls) = &entry.walls {
        build_walls(walls)?;
    }
    set_standard_streams(&entry.output)?;
    // Everything was used that came through a descriptor; what is left would only leak.
    sys::close_all_but(4, &[entry.status.as_raw_fd()]);
    set_limits(&entry.limits)?;
    if let Some(walls) = &entry.walls {
        become_nobody(walls)?;
    }
    sys::prctl(libc::PR_SET_PDEATHSIG, fate as _).step("die with the spawner")?;
    rustix::process::chdir(&entry.cwd)
        .step_with(|| format!("enter working directory {}", entry.cwd.display()))?;
    rustix::thread::set_no_new_privs(true).step("give up gaining privileges")?;
    match &entry.walls {
        Some(walls) => sys::install_filter(walls.filter).step("install the system call filter"),
        None => Ok(()),
    }
}

fn build_walls(walls: &Walls<'_>) -> Result<()> {
    for mut entrance in &walls.entrances {
        entrance.write_all(b"0").step("enter cgroup")?;
    }
    root::enter_namespace(&walls.network, LinkNameSpaceType::Network)?;
    rustix::thread::move_into_link_name_space(walls.root, Some(LinkNameSpaceType::Mount))
        .step("enter the root")?;
    // The cgroup namespace begins at the group entered above, so the function sees itself at its top.
    root::unshare(UnshareFlags::NEWNS | UnshareFlags::NEWCGROUP, "copy the root")?;
    rustix::system::sethostname(b"lambda").step("set host name")?;
    if let Some(size) = walls.tmpfs_bytes {
        let size = size.to_string();
        let options = [("size", size.as_str()), ("mode", "1777")];
        let tmpfs = mounts::new_filesystem("tmpfs", &options, NO_DEVICES)?;
        mounts::attach(tmpfs.as_fd(), Path::new("/tmp"))?;
    }
    for (mount, path) in &walls.mounts {
        mounts::attach(mount.as_fd(), path)?;
    }
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
        (libc::RLIMIT_NPROC, limits.processes),
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
fn become_nobody(walls: &Walls<'_>) -> Result<()> {
    // `/proc` is about to be read-only. This copy, attached nowhere, stays writable for the identity below.
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let proc = rustix::mount::open_tree(CWD, "/proc", flags).step("copy /proc")?;
    let shown =
        rustix::mount::open_tree(CWD, "/proc", OpenTreeFlags::OPEN_TREE_CLOEXEC).step("open /proc")?;
    let attributes = READ_ONLY | NO_DEVICES | libc::MOUNT_ATTR_NOEXEC;
    sys::mount_set_attributes(shown.as_fd(), attributes, false).step("protect /proc")?;

    let outside = match walls.uid {
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
