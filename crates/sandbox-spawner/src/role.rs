//! The spawner's role: how a process becomes one, and what it sets up before the first start.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FlockOperation, Mode as FileMode, OFlags};
use rustix::net::RecvFlags;
use rustix::process::Resource;
use rustix::thread::UnshareFlags;
use sandbox::Network;

use crate::cgroup::{self, Layout};
use crate::channel::{self, Receiver};
use crate::failure::{Result, Step};
use crate::root::{Root, open_namespace, unshare};
use crate::serve::Serving;
use crate::wire::{Abilities, Mode, Reply, Request, Settings};
use crate::{filter, launch, probe, registers, relay, resolvers, scratch, stockroom, sys};

/// First argument of a process that is to be a spawner.
pub(crate) const ROLE: &str = "__spawner";
/// First argument of a process that is to try what the host can do.
pub(crate) const PROBE_ROLE: &str = "__probe";

const NO_RESOLVER: &str = "functions cannot look up names: the host names no IPv4 resolver but itself; set one for outbound sandboxes";

/// Becomes the spawner if this process was started as one, and then never returns.
///
/// Call it first thing in `main`, before any thread exists: the spawner forks.
pub fn run_spawner_if_asked() {
    let Some(role) = std::env::args_os().nth(1) else { return };
    if role == PROBE_ROLE {
        probe::run_from_arguments();
        std::process::exit(0);
    }
    let become_it = match role.to_str() {
        Some(ROLE) => run,
        Some(relay::ROLE) => relay::run,
        _ => return,
    };
    // Whoever starts it passes a socket as standard input.
    let code = match sys::take_descriptor(0).map(become_it) {
        Ok(()) => 0,
        Err(_) => 2,
    };
    sys::exit_now(code);
}

fn run(stdin: OwnedFd) {
    let mut receiver = Receiver::new();
    let Ok(socket) = sys::duplicate_high(stdin.as_fd()) else { return };
    // Numbers 0 to 3 are what sandboxes get replaced: nothing of ours may ever land there.
    if occupy_low_numbers(stdin).is_err() {
        return;
    }
    // Whatever else the daemon's own parent left open.
    sys::close_all_but(4, &[socket.as_raw_fd()]);
    let Ok(Some((Request::Setup(settings), _))) = receiver.receive(&socket, RecvFlags::empty()) else {
        return;
    };
    match set_up(&settings) {
        Ok((serving, abilities)) => {
            if channel::send(&socket, &Reply::Ready(abilities), &[]).is_ok() {
                serving.run(socket, receiver);
            }
        }
        Err(failure) => {
            let _ = channel::send(&socket, &Reply::SetupFailed(failure), &[]);
        }
    }
}

fn occupy_low_numbers(stdin: OwnedFd) -> std::io::Result<()> {
    let opened = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, FileMode::empty())?;
    let null = sys::duplicate_high(opened.as_fd())?;
    // It may have got one of those numbers itself.
    drop(opened);
    for number in [0, 1, 3] {
        sys::duplicate(null.as_fd(), number)?;
    }
    // Number 0 is the null device now, and stays open as long as the process lives.
    std::mem::forget(stdin);
    Ok(())
}

fn set_up(settings: &Settings) -> Result<(Serving, Abilities)> {
    // A terminal's Ctrl-C reaches the whole group; the daemon alone decides when it is over.
    rustix::process::setsid().step("start a session")?;
    // Each sandbox needs a few descriptors here; the usual soft limit would end at some three hundred.
    let mut open_files = rustix::process::getrlimit(Resource::Nofile);
    open_files.current = open_files.maximum;
    rustix::process::setrlimit(Resource::Nofile, open_files).step("raise the limit on open files")?;
    let lock = lock(&settings.scratch_dir)?;
    sweep_scratch(&settings.scratch_dir);
    if settings.mode == Mode::Process {
        let _ = sys::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        return Ok((Serving::plain(settings.clone(), lock), Abilities::default()));
    }
    let mut abilities = Abilities { own_users: rustix::process::geteuid().is_root(), ..Abilities::default() };
    if !abilities.own_users {
        become_root_of_a_namespace()?;
        abilities
            .caveats
            .push("the daemon is not root: all sandboxes run as its own user, /tmp is memory".to_owned());
    }
    let (groups, missing) = Layout::find(&group_folder(&settings.scratch_dir));
    cgroup::sweep(&groups)?;
    abilities.groups = groups.clone();
    abilities.caveats.extend(missing);
    let mut resolvers = Vec::new();
    match probe::outbound(abilities.own_users) {
        Ok(()) => {
            abilities.outbound = true;
            resolvers.clone_from(&settings.outbound.resolvers);
            if resolvers.is_empty() {
                resolvers = resolvers::of_the_host();
            }
            if resolvers.is_empty() && settings.network == Network::Outbound {
                abilities.caveats.push(NO_RESOLVER.to_owned());
            }
        }
        Err(failure) if settings.network == Network::Outbound => {
            abilities.caveats.push(format!("no outbound network: {failure}"));
        }
        Err(_) => {}
    }
    let (root, trust) = Root::build(abilities.own_users, &resolvers, settings.authority.as_ref())?;
    abilities.trust = trust;
    if abilities.own_users {
        match scratch::Disks::new(settings.scratch_dir.clone()).make(settings.ephemeral_bytes) {
            Ok((mount, disk)) => {
                drop(mount);
                disk.discard();
                abilities.tmp_on_disk = true;
            }
            Err(failure) => abilities.caveats.push(format!("/tmp is memory and counts as such: {failure}")),
        }
    }
    // The tracer's registers are known for this processor only, and the rights of root are needed.
    abilities.snapshots = abilities.own_users && registers::ARE_KNOWN;
    // Mounting into a sandbox that runs needs the rights of root.
    abilities.boots = abilities.own_users;
    let filter = filter::program()?;
    let plan = stockroom::Plan { layout: &groups, root: root.namespace.as_fd(), filter: &filter };
    let (stock_socket, stockroom) = stockroom::open(settings, plan, &lock)?;
    let serving = Serving::contained(
        settings.clone(),
        lock,
        crate::serve::Workshop {
            root,
            layout: groups,
            stock_socket,
            stockroom,
            own_users: abilities.own_users,
            tmp_on_disk: abilities.tmp_on_disk,
            home: open_namespace("mnt")?,
        },
    );
    Ok((serving, abilities))
}

/// One spawner at a time uses a folder: a new one waits until the last has cleaned up.
fn lock(dir: &Path) -> Result<OwnedFd> {
    fs::create_dir_all(dir).step("make scratch folder")?;
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(dir.join("lock"), flags, FileMode::from_raw_mode(0o600))
        .step("open scratch lock")?;
    let file = sys::duplicate_high(file.as_fd()).step("keep scratch lock")?;
    rustix::fs::flock(&file, FlockOperation::LockExclusive).step("lock scratch folder")?;
    Ok(file)
}

/// Removes what a killed predecessor left in the folder. Failing costs space only.
fn sweep_scratch(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if launch::is_stale(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let _ = fs::remove_file(dir.join("template.img"));
}

/// The name of the folder of cgroups that belongs to the spawner using `scratch_dir`.
///
/// It follows from the path, so that the next spawner of the same folder finds what this one leaves.
pub fn group_folder(scratch_dir: &Path) -> String {
    let path = fs::canonicalize(scratch_dir).unwrap_or_else(|_| scratch_dir.to_owned());
    format!("lambent-{:08x}", fnv(path.as_os_str().as_encoded_bytes()))
}

/// First of the user ids for sandboxes of the spawner that uses `scratch_dir`.
///
/// Two daemons on one host get different ones most likely: limits on processes are counted by user.
pub fn uid_base_for(scratch_dir: &Path) -> u32 {
    const FIRST: u32 = 900_000_000;
    const RANGES: u32 = 10_000;
    const RANGE: u32 = 10_000;
    FIRST + fnv(scratch_dir.as_os_str().as_encoded_bytes()) % RANGES * RANGE
}

/// FNV-1a, folded to 32 bits: a name, not a secret.
fn fnv(bytes: &[u8]) -> u32 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    });
    (hash ^ (hash >> 32)) as u32
}

/// Without root, a user namespace gives the rights to make the other namespaces.
pub(crate) fn become_root_of_a_namespace() -> Result<()> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS, "make a user namespace")?;
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        fs::write(format!("/proc/self/{file}"), text).step("map the spawner's user")?;
    }
    Ok(())
}
