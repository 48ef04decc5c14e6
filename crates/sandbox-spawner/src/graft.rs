//! The place of a forked sandbox: a first process in fresh namespaces that a copy of a snapshot can be moved into.
//!
//! An unprivileged process may only enter namespaces whose user namespace it has rights over: one that its own user
//! made, inside its own. So these are made there: `holder` becomes the template's user in the template's user
//! namespace, makes one more inside it, and all others with it. What needs the host's rights is done from outside:
//! the network (by the stockroom) and the mounts (by the keeper).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::net::RecvFlags;
use rustix::thread::{CapabilitySet, CapabilitySets, LinkNameSpaceType};

use crate::carry;
use crate::channel::{self, Receiver};
use crate::enter::Walls;
use crate::failure::{Failure, Result, Step};
use crate::init::{self, Parked, Report};
use crate::mounts::{self, NO_DEVICES};
use crate::root::{INSIDE_ID, enter_namespace};
use crate::sys::{self, Forked};
use crate::wire::Task;

/// Every namespace that a forked sandbox does not share with its template.
pub(crate) const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// What a holder is told; its end of the conversation is the same for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Word {
    /// Comes with the output pipe: hold it, so that the copy can open it.
    Hold,
    /// The copy has moved in: let go of everything and be out of its reach.
    LetGo,
}

/// The namespaces of a template that its copies' are made inside of.
pub(crate) struct Anchors {
    pub pid: OwnedFd,
    pub user: OwnedFd,
}

impl Anchors {
    /// Those of the sandbox whose first process is `pid`.
    pub(crate) fn of(pid: i32) -> Result<Self> {
        Ok(Self { pid: namespace_of(pid, "pid")?, user: namespace_of(pid, "user")? })
    }
}

pub(crate) fn namespace_of(pid: i32, kind: &str) -> Result<OwnedFd> {
    let path = format!("/proc/{pid}/ns/{kind}");
    rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .step_with(|| format!("open {path}"))
}

/// Makes a holder inside `anchors`, in the cgroups of `walls`; the calling process keeps its own namespaces.
pub(crate) fn park(anchors: &Anchors, walls: Walls<'_>) -> Result<Parked> {
    let (status, theirs) = channel::pair().step("make status socket")?;
    let (delivery, sender) = channel::pair().step("make delivery socket")?;
    match sys::fork(0).step("fork towards the template")? {
        Forked::Child => {
            let code = match approach(anchors, walls, &theirs, &sender) {
                Ok(()) => 0,
                Err(failure) => {
                    let _ = channel::send(&sender, &Some(failure), &[]);
                    1
                }
            };
            sys::exit_now(code)
        }
        Forked::Parent { pid, .. } => {
            drop((theirs, sender));
            sys::reap(pid, true);
        }
    }
    let delivered = Receiver::new().receive::<Option<Failure>>(&delivery, RecvFlags::empty());
    let missing = || Failure::new("make a place for a copy", libc::ECHILD);
    let (failure, fds) = delivered.step("hear of the new first process")?.ok_or_else(missing)?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let pidfd = fds.into_iter().next().ok_or_else(missing)?;
    let pid = pid_behind(pidfd.as_fd())?;
    Ok(Parked { pid, pidfd, status })
}

/// The number, in the own pid namespace, of the process that `pidfd` refers to.
fn pid_behind(pidfd: BorrowedFd<'_>) -> Result<i32> {
    let text =
        std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).step("read a pidfd")?;
    let pid = text.lines().find_map(|line| line.strip_prefix("Pid:")).and_then(|pid| pid.trim().parse().ok());
    pid.filter(|pid| *pid > 0).ok_or_else(|| Failure::new("find a process", libc::ESRCH))
}

/// In a helper: its child is in the template's pid namespace, and its grandchild is the holder.
fn approach(anchors: &Anchors, walls: Walls<'_>, status: &OwnedFd, sender: &OwnedFd) -> Result<()> {
    let proc = rustix::fs::open("/proc", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .step("open /proc")?;
    for mut entrance in walls.entrances {
        std::io::Write::write_all(&mut entrance, b"0").step("enter cgroup")?;
    }
    enter_namespace(&anchors.pid, LinkNameSpaceType::ProcessID)?;
    match sys::fork(0).step("fork into the template")? {
        Forked::Parent { pid, .. } => {
            sys::reap(pid, true);
            Ok(())
        }
        Forked::Child => {
            if let Err(failure) = descend(anchors, walls, &proc, status, sender) {
                let _ = channel::send(sender, &Some(failure), &[]);
            }
            sys::exit_now(0)
        }
    }
}

/// In the template's pid namespace: becomes its user and makes the holder.
fn descend(
    anchors: &Anchors,
    walls: Walls<'_>,
    proc: &OwnedFd,
    status: &OwnedFd,
    sender: &OwnedFd,
) -> Result<()> {
    rustix::process::setsid().step("start a session")?;
    rustix::thread::move_into_link_name_space(walls.root, Some(LinkNameSpaceType::Mount))
        .step("enter the root")?;
    // Inside, nobody may change groups any more.
    sys::drop_groups().step("leave all groups")?;
    enter_namespace(&anchors.user, LinkNameSpaceType::User)?;
    sys::set_only_user(INSIDE_ID, INSIDE_ID).step("become the sandbox's user")?;
    sys::prctl(libc::PR_SET_DUMPABLE, 1).step("own the own process")?;
    match sys::fork(NAMESPACES | libc::CLONE_PIDFD).step("make namespaces inside the template's")? {
        Forked::Parent { pidfd, .. } => {
            let pidfd = pidfd.ok_or_else(|| Failure::new("watch the sandbox", libc::ENOSYS))?;
            channel::send(sender, &None::<Failure>, &[pidfd.as_fd()]).step("tell of the first process")
        }
        Forked::Child => {
            if let Err(failure) = hold(proc, status) {
                let _ = channel::send(status, &Report::Failed(failure), &[]);
                sys::exit_now(1);
            }
            sys::exit_now(0)
        }
    }
}

/// The holder: the first process of a forked sandbox. It collects orphans, and its end is the sandbox's.
fn hold(proc: &OwnedFd, status: &OwnedFd) -> Result<()> {
    sys::block_signals(true).step("block signals")?;
    for (file, text) in [
        ("self/setgroups", "deny".to_owned()),
        ("self/uid_map", format!("{INSIDE_ID} {INSIDE_ID} 1")),
        ("self/gid_map", format!("{INSIDE_ID} {INSIDE_ID} 1")),
    ] {
        let file = rustix::fs::openat(proc, file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
            .step_with(|| format!("open {file}"))?;
        rustix::io::write(&file, text.as_bytes()).step("map the sandbox's user")?;
    }
    rustix::system::sethostname(b"lambda").step("set host name")?;
    sys::drop_bounding_set().step("drop the bounding set")?;
    let nothing = CapabilitySet::empty();
    let sets = CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing };
    rustix::thread::set_capabilities(None, sets).step("drop capabilities")?;
    rustix::thread::set_no_new_privs(true).step("give up gaining privileges")?;
    // A copy of the stockroom, with all its descriptors: none may stay.
    sys::close_all_but(0, &[status.as_raw_fd()]);
    let mut receiver = Receiver::new();
    while let Some((word, fds)) =
        receiver.receive::<Word>(status, RecvFlags::empty()).step("hear what to do")?
    {
        match word {
            Word::Hold => {
                let [output] = <[OwnedFd; 1]>::try_from(fds)
                    .map_err(|_| Failure::new("take the output pipe", libc::EBADF))?;
                sys::duplicate(output.as_fd(), 1).step("hold the output pipe")?;
                channel::send(status, &Report::Running, &[]).step("answer")?;
            }
            Word::LetGo => {
                sys::close_all_but(0, &[status.as_raw_fd()]);
                sys::prctl(libc::PR_SET_DUMPABLE, 0).step("close the first process to the sandbox")?;
                channel::send(status, &Report::Running, &[]).step("answer")?;
                serve(status, &mut receiver);
            }
        }
    }
    Ok(())
}

/// Collects orphans, and opens sockets for the daemon.
fn serve(status: &OwnedFd, receiver: &mut Receiver) -> ! {
    loop {
        match sys::wait_signal() {
            Some((libc::SIGCHLD, _)) => while sys::reap(-1, false).is_some() {},
            // Whoever says so: tasks come from the spawner alone.
            Some((init::TOLD, _)) => {
                while let Ok(Some((task, _))) = receiver.receive::<Task>(status, RecvFlags::DONTWAIT) {
                    if let Task::Socket { datagrams } = task {
                        init::send_socket(status, datagrams);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Where a forked sandbox's own directories come from.
pub(crate) struct Furniture<'a> {
    pub mounts: &'a [OwnedFd],
    /// Where they go, in the same order.
    pub points: &'a [PathBuf],
    /// Size of a `/tmp` in memory, where there is no disk for it among the mounts.
    pub tmpfs_bytes: Option<u64>,
    /// The template's `/tmp`, whose content the sandbox gets.
    pub tmp_of_template: &'a OwnedFd,
}

/// Mounts what belongs to one sandbox into the namespaces of the holder `pid`. Done from outside, with rights that
/// nothing inside ever has.
pub(crate) fn furnish(pid: i32, furniture: &Furniture<'_>) -> Result<()> {
    let (processes, mount) = (namespace_of(pid, "pid")?, namespace_of(pid, "mnt")?);
    let (ours, theirs) = channel::pair().step("make a socket")?;
    match sys::fork(0).step("fork towards the sandbox")? {
        Forked::Parent { pid, .. } => {
            drop(theirs);
            sys::reap(pid, true);
        }
        Forked::Child => {
            let result = enter_namespace(&processes, LinkNameSpaceType::ProcessID).and_then(|()| {
                // A `/proc` shows the pid namespace of whoever makes it, and only a child is in the new one.
                match sys::fork(0).step("fork into the sandbox")? {
                    Forked::Parent { pid, .. } => sys::reap(pid, true).map(drop).ok_or_else(gone),
                    Forked::Child => {
                        let result = furnish_inside(&mount, furniture);
                        let _ = channel::send(&theirs, &result.err(), &[]);
                        sys::exit_now(0)
                    }
                }
            });
            if let Err(failure) = result {
                let _ = channel::send(&theirs, &Some(failure), &[]);
            }
            sys::exit_now(0)
        }
    }
    let answer = Receiver::new().receive::<Option<Failure>>(&ours, RecvFlags::empty());
    match answer.step("hear of the mounts")?.ok_or_else(gone)?.0 {
        None => Ok(()),
        Some(failure) => Err(failure),
    }
}

fn gone() -> Failure {
    Failure::new("furnish the sandbox", libc::ESRCH)
}

fn furnish_inside(mount: &OwnedFd, furniture: &Furniture<'_>) -> Result<()> {
    let attributes = mounts::READ_ONLY | NO_DEVICES | libc::MOUNT_ATTR_NOEXEC;
    let proc = mounts::new_filesystem("proc", &[("hidepid", "invisible")], attributes)?;
    let tmpfs = furniture.tmpfs_bytes.map(mounts::memory).transpose()?;
    enter_namespace(mount, LinkNameSpaceType::Mount)?;
    mounts::attach(proc.as_fd(), Path::new("/proc"))?;
    for path in crate::enter::PROC_MASKED {
        if Path::new(path).exists() {
            let nothing = mounts::copy_tree(Path::new("/dev/null"), mounts::READ_ONLY)?;
            mounts::attach(nothing.as_fd(), Path::new(path))?;
        }
    }
    if let Some(tmpfs) = tmpfs {
        mounts::attach(tmpfs.as_fd(), Path::new("/tmp"))?;
    }
    for (mount, point) in furniture.mounts.iter().zip(furniture.points) {
        mounts::attach(mount.as_fd(), point)?;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let tmp = rustix::fs::open("/tmp", flags, Mode::empty()).step("open /tmp")?;
    carry::copy(furniture.tmp_of_template.as_fd(), &tmp)
}

/// Says one word to a holder and waits until it has obeyed.
pub(crate) fn tell(status: &OwnedFd, word: Word, fds: &[BorrowedFd<'_>]) -> Result<()> {
    channel::send(status, &word, fds).step("tell the first process")?;
    match Receiver::new()
        .receive::<init::Report>(status, RecvFlags::empty())
        .step("hear the first process")?
    {
        Some((Report::Running, _)) => Ok(()),
        Some((Report::Failed(failure), _)) => Err(failure),
        _ => Err(Failure::new("hear the first process", libc::ESRCH)),
    }
}
