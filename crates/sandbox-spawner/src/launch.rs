//! One start, from the spawner's side: gathers what the child needs, forks it, keeps what belongs to it.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Gid, Uid};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};
use rustix::thread::LinkNameSpaceType;
use sandbox::{Bind, Claimed, Door, Spec};

use crate::cgroup::Layout;
use crate::channel;
use crate::enter::Entry;
use crate::failure::{Failure, Result, Step};
use crate::graft::namespace_of;
use crate::init::{self, Parked};
use crate::keeper;
use crate::mounts::{self, NO_DEVICES, READ_ONLY};
use crate::netns::{Doors, PLATFORM_PORT, RUNTIME_API_PORT};
use crate::root::{Root, enter_namespace};
use crate::shown::{self, Shown};
use crate::sys;
use crate::wire::Task;

/// Where the doors are in a network of a sandbox's own.
const PORTS: [u16; 2] = [RUNTIME_API_PORT, PLATFORM_PORT];
/// More mounts than any function needs; each is a descriptor in one message.
const BINDS_MAX: usize = 10;

/// Parts made ahead, for one sandbox.
pub(crate) struct Kit {
    pub group: Option<String>,
    pub doors: Doors,
    pub parked: Parked,
    /// Becomes readable when the sandbox has run out of memory.
    pub memory: Option<OwnedFd>,
}

/// What belongs to a sandbox besides its kit.
pub(crate) struct Site<'a> {
    pub root: &'a Root,
    pub layout: &'a Layout,
    /// The user the sandbox runs as.
    pub uid: Option<u32>,
    /// A disk for `/tmp`.
    pub disk: Option<OwnedFd>,
}

/// A child on its way to becoming a sandbox.
pub(crate) struct Launched {
    pub parked: Parked,
    /// Read end.
    pub output: OwnedFd,
    /// Read end.
    pub companion_output: Option<OwnedFd>,
    pub doors: Doors,
    pub memory: Option<OwnedFd>,
}

/// Tells a prepared child to become the sandbox of `spec`.
pub(crate) fn contained(spec: &Spec, kit: Kit, site: Site<'_>) -> Result<Launched> {
    check_binds(spec)?;
    if let Some(name) = &kit.group {
        site.layout.group(name).set_limits(spec)?;
    }
    let uid = site.uid;
    let tmpfs_bytes = site.disk.is_none().then_some(spec.ephemeral_bytes);
    let (points, mounts) = directories(spec, site)?;
    let entry = Entry { tmpfs_bytes, uid, mounts: points, ..entry(spec, PORTS) };
    tell(kit, &entry, None, &mounts)
}

fn check_binds(spec: &Spec) -> Result<()> {
    if spec.binds.len() > BINDS_MAX {
        return Err(Failure::new("bind so many directories", libc::E2BIG));
    }
    Ok(())
}

/// Where a program that was started ahead waits.
pub(crate) struct Booting {
    /// Whatever is sent there it takes for its environment. A copy of a template has none, and looks at what it shows.
    pub socket: Option<OwnedFd>,
    /// The function's own program is not there yet: the sandbox's first process waits, and executes it.
    pub in_place: bool,
    /// Once it is ready, of one that has begun.
    pub shown: Option<Shown>,
    /// It does not set its working directory and environment itself.
    pub is_placed: bool,
}

impl Booting {
    fn shown(&self) -> Result<&Shown> {
        self.shown.as_ref().ok_or_else(|| Failure::new("claim a program that is not ready", libc::EBUSY))
    }
}

/// Has a prepared child start `spec`'s program ahead; gives the end of the socket at which it waits too.
pub(crate) fn ahead(spec: &Spec, kit: Kit, site: Site<'_>) -> Result<(Launched, Booting)> {
    if spec.root.is_some() || !spec.companions.programs.is_empty() {
        return Err(Failure::new("start such a program ahead", libc::EOPNOTSUPP));
    }
    check_binds(spec)?;
    if let Some(name) = &kit.group {
        // Its memory is bounded once it is known whose it is.
        site.layout.group(name).set_processes(spec)?;
        site.layout.group(name).set_humble(true)?;
    }
    let (points, mounts): (Vec<_>, Vec<_>) = binds(spec, site.root)?.into_iter().unzip();
    let entry = Entry { boots: true, uid: site.uid, mounts: points, ..entry(spec, PORTS) };
    let flags = SocketFlags::CLOEXEC;
    let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)
        .step("make a socket for a program started ahead")?;
    let in_place = init::is_functions_own(&spec.program);
    let booting = Booting { socket: Some(ours), in_place, shown: None, is_placed: false };
    Ok((tell(kit, &entry, Some(&theirs), &mounts)?, booting))
}

/// Makes a program that was started ahead the one of `spec`: bounds, mounts, environment, in this order.
///
/// `home` is the caller's own mount namespace, to which it has returned unless the error is the outer one.
pub(crate) fn claim(
    spec: &Spec,
    (pid, status, group): (i32, &OwnedFd, Option<&String>),
    booting: &Booting,
    site: Site<'_>,
    home: &OwnedFd,
) -> std::io::Result<Result<Claimed>> {
    let began = monotonic();
    let mut bounded = began;
    let prepared = || {
        if let Some(name) = group {
            site.layout.group(name).set_limits(spec)?;
            site.layout.group(name).set_humble(false)?;
        }
        bounded = monotonic();
        let tmpfs_bytes = site.disk.is_none().then_some(spec.ephemeral_bytes);
        let mut added = own(spec, site.disk)?;
        if let Some(bytes) = tmpfs_bytes {
            added.push((PathBuf::from("/tmp"), mounts::memory(bytes)?));
        }
        Ok((added, namespace_of(pid, "mnt")?))
    };
    let (added, inside) = match prepared() {
        Ok(prepared) => prepared,
        Err(failure) => return Ok(Err(failure)),
    };
    // Nothing of the function runs yet: what is there to be seen and followed is our own root.
    let attached = enter_namespace(&inside, LinkNameSpaceType::Mount)
        .and_then(|()| added.iter().try_for_each(|(path, mount)| mounts::attach(mount.as_fd(), path)));
    enter_namespace(home, LinkNameSpaceType::Mount).map_err(|failure| failure.source())?;
    let mounted = monotonic();
    let told =
        || if booting.is_placed { place(spec, booting, (pid, status)) } else { hand_over(spec, booting) };
    Ok(attached.and_then(|()| told()).map(|()| Claimed {
        bounds: bounded.saturating_sub(began),
        mounts: mounted.saturating_sub(bounded),
        environment: monotonic().saturating_sub(mounted),
    }))
}

fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::try_from(now).unwrap_or_default()
}

/// Has the first process lead a program that was started ahead into its working directory, and tell it; its
/// environment is its own already.
fn place(spec: &Spec, booting: &Booting, (pid, status): (i32, &OwnedFd)) -> Result<()> {
    let entry = entry(spec, PORTS);
    booting.shown()?.set(&entry.environment)?;
    let socket = booting.socket.iter().map(AsFd::as_fd).collect::<Vec<_>>();
    let task = Task::Place { directory: entry.cwd };
    channel::send(status, &task, &socket).step("place a program started ahead")?;
    sys::kill(pid, init::TOLD);
    Ok(())
}

/// Tells a program that was started ahead all that it has waited for.
fn hand_over(spec: &Spec, booting: &Booting) -> Result<()> {
    let entry = entry(spec, PORTS);
    let environment = shown::block(&entry.environment);
    // Executing the program shows what it is executed with.
    if !booting.in_place {
        booting.shown()?.write(&environment)?;
    }
    let Some(socket) = &booting.socket else { return Ok(()) };
    let mut text = entry.cwd.into_os_string().into_encoded_bytes();
    text.push(0);
    text.extend(environment);
    let mut rest = &text[..];
    while !rest.is_empty() {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let sent = rustix::net::send(socket, rest, flags).step("hand over the environment")?;
        rest = &rest[sent..];
    }
    Ok(())
}

/// A copy of a template on its way into its place.
pub(crate) struct Copying {
    pub template: u64,
    pub parked: Parked,
    pub doors: Doors,
    pub memory: Option<OwnedFd>,
    pub output: OwnedFd,
    pub group: Option<String>,
    /// Token of its disk.
    pub disk: Option<u64>,
    /// It does not run before it is claimed.
    pub held: bool,
    /// It is nobody's yet, and lacks what is one function's.
    pub lacks: bool,
    /// Nobody waits for it any more.
    pub abandoned: bool,
}

/// Orders the copy number `id` from a template's keeper; gives the read end of its output.
pub(crate) fn copy(
    keeper: &OwnedFd,
    (id, held): (u64, bool),
    spec: &Spec,
    kit: &Kit,
    site: Site<'_>,
) -> Result<OwnedFd> {
    check_binds(spec)?;
    if spec.root.is_some() {
        return Err(Failure::new("copy a program that runs in an image", libc::EOPNOTSUPP));
    }
    if let Some(name) = &kit.group {
        let group = site.layout.group(name);
        if spec.is_nobodys() { group.set_processes(spec)? } else { group.set_limits(spec)? }
    }
    let (output, theirs) = output_pipe(site.uid)?;
    let has_tmpfs = site.disk.is_none() && !spec.is_nobodys();
    let tmpfs_bytes = has_tmpfs.then_some(spec.ephemeral_bytes);
    let (points, mounts) = directories(spec, site)?;
    let order = keeper::Order {
        id,
        held,
        holder: kit.parked.pid,
        group: kit.group.clone(),
        points,
        tmpfs_bytes,
        processes: spec.limits.processes,
    };
    let fds: Vec<_> = [&kit.parked.status, &theirs].into_iter().chain(&mounts).map(AsFd::as_fd).collect();
    channel::send(keeper, &keeper::Errand::Copy(order), &fds).step("order a copy")?;
    Ok(output)
}

/// Everything that is mounted into one sandbox, and where.
fn directories(spec: &Spec, site: Site<'_>) -> Result<(Vec<PathBuf>, Vec<OwnedFd>)> {
    let mut mounts = Vec::new();
    if let Some(root) = &spec.root {
        mounts.push((PathBuf::from("/"), mounts::copy_tree(root, READ_ONLY | NO_DEVICES)?));
    }
    mounts.extend(binds(spec, site.root)?);
    mounts.extend(own(spec, site.disk)?);
    Ok(mounts.into_iter().unzip())
}

/// What is the same for all functions of a language.
fn binds(spec: &Spec, root: &Root) -> Result<Vec<(PathBuf, OwnedFd)>> {
    let bind = |bind: &Bind| {
        // An image has what is needed, or else the start fails where the bind is attached.
        if spec.root.is_none() {
            root.ensure_mount_point(&bind.inside, !bind.host.is_file())?;
        }
        Ok((bind.inside.clone(), mounts::copy_tree(&bind.host, READ_ONLY | NO_DEVICES)?))
    };
    spec.binds.iter().map(bind).collect()
}

/// What is one function's, or one sandbox's.
fn own(spec: &Spec, disk: Option<OwnedFd>) -> Result<Vec<(PathBuf, OwnedFd)>> {
    let mut mounts = Vec::new();
    if let Some(code_dir) = &spec.code_dir {
        mounts.push((PathBuf::from("/var/task"), mounts::copy_tree(code_dir, READ_ONLY | NO_DEVICES)?));
    }
    mounts.extend(mounts::layers(&spec.opt_dirs)?.map(|layers| (PathBuf::from("/opt"), layers)));
    mounts.extend(disk.map(|disk| (PathBuf::from("/tmp"), disk)));
    Ok(mounts)
}

/// Starts a child process with limits and nothing else.
pub(crate) fn plain(spec: &Spec) -> Result<Launched> {
    let doors = Doors::open(0, 0)?;
    let ports = [local_port(&doors.runtime_api)?, local_port(&doors.platform)?];
    let kit = Kit { group: None, doors, parked: init::park(0, None)?, memory: None };
    tell(kit, &entry(spec, ports), None, &[])
}

fn tell(kit: Kit, entry: &Entry, booting: Option<&OwnedFd>, mounts: &[OwnedFd]) -> Result<Launched> {
    let (output, theirs) = output_pipe(entry.uid)?;
    let companions = (!entry.companions.is_empty()).then(|| output_pipe(entry.uid)).transpose()?;
    let (companion_output, companions_theirs) = companions.unzip();
    let fds = std::iter::once(&theirs).chain(&companions_theirs).chain(booting).chain(mounts);
    let fds: Vec<_> = fds.map(AsFd::as_fd).collect();
    channel::send(&kit.parked.status, entry, &fds).step("tell the sandbox what to run")?;
    Ok(Launched { parked: kit.parked, output, companion_output, doors: kit.doors, memory: kit.memory })
}

/// A pipe for programs of the user `uid` to write to: the read end, then the write end.
fn output_pipe(uid: Option<u32>) -> Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).step("make output pipe")?;
    if let Some(uid) = uid {
        // Opening `/dev/stdout` by name asks for permission on the pipe itself.
        let (owner, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
        rustix::fs::fchown(&theirs, Some(owner), Some(group)).step("give away output pipe")?;
    }
    Ok((ours, theirs))
}

/// What every kind of sandbox is told.
fn entry(spec: &Spec, [runtime_api, platform]: [u16; 2]) -> Entry {
    let program = spec.program.to_string_lossy().into_owned();
    let doors = spec.doors.iter().map(|var| {
        let port = match var.door {
            Door::RuntimeApi => runtime_api,
            Door::Platform => platform,
        };
        format!("{}={}127.0.0.1:{port}{}", var.name, var.prefix, var.suffix)
    });
    let environment = |own: &[(String, String)]| {
        own.iter().map(|(name, value)| format!("{name}={value}")).chain(doors.clone()).collect::<Vec<_>>()
    };
    let companions = &spec.companions;
    Entry {
        limits: spec.limits,
        cwd: spec.cwd.clone(),
        arguments: std::iter::once(&program).chain(&spec.args).cloned().collect(),
        program,
        environment: environment(&spec.env),
        companions: companions.programs.iter().map(|path| path.to_string_lossy().into_owned()).collect(),
        companion_environment: environment(&companions.env),
        companion_cwd: companions.cwd.clone(),
        boots: false,
        mounts: Vec::new(),
        tmpfs_bytes: None,
        uid: None,
    }
}

pub(crate) fn local_port(listener: &OwnedFd) -> Result<u16> {
    let address = rustix::net::getsockname(listener).step("find the listener's port")?;
    let address = rustix::net::SocketAddrV4::try_from(address).step("find the listener's port")?;
    Ok(address.port())
}

/// The folder a killed predecessor's private directories are looked for in.
pub(crate) fn is_stale(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tmp-"))
}
