//! One start, from the spawner's side: gathers what the child needs, forks it, keeps what belongs to it.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid};
use sandbox::{Door, Network, Spec};

use crate::channel;
use crate::enter::{Entry, Walls};
use crate::failure::{Failure, Result, Step};
use crate::init;
use crate::mounts::{self, NO_DEVICES, READ_ONLY};
use crate::netns::{Doors, PLATFORM_PORT, RUNTIME_API_PORT};
use crate::root::Root;
use crate::sys::{self, Forked};

/// Namespaces made with the child; mounts, network, cgroup and user follow in the order `enter.rs` explains.
const NAMESPACES: i32 = libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// Parts made ahead, for one sandbox.
pub(crate) struct Kit {
    pub group: Option<String>,
    pub network: OwnedFd,
    pub doors: Doors,
}

/// What the spawner has of everything a child goes through.
pub(crate) struct Site<'a> {
    pub root: &'a Root,
    pub layout: &'a crate::cgroup::Layout,
    pub filter: &'a [libc::sock_filter],
    /// The user the sandbox runs as.
    pub uid: Option<u32>,
    /// A disk for `/tmp`.
    pub disk: Option<OwnedFd>,
}

/// A child on its way to becoming a sandbox.
pub(crate) struct Launched {
    pub pid: i32,
    pub pidfd: OwnedFd,
    pub status: OwnedFd,
    /// Read end.
    pub output: OwnedFd,
    pub doors: Doors,
}

/// Starts a sandbox with all its walls.
pub(crate) fn contained(
    spec: &Spec,
    network: OwnedFd,
    doors: Doors,
    group: Option<&str>,
    site: Site<'_>,
) -> Result<Launched> {
    if spec.network == Network::Outbound {
        return Err(Failure::new("give the sandbox a way out", libc::EOPNOTSUPP));
    }
    let mut entrances = Vec::new();
    if let Some(name) = group {
        let group = site.layout.group(name);
        group.set_limits(spec)?;
        entrances = group.entrances()?;
    }
    let mut mounts =
        vec![(mounts::copy_tree(&spec.code_dir, READ_ONLY | NO_DEVICES)?, PathBuf::from("/var/task"))];
    for bind in &spec.binds {
        site.root.ensure_mount_point(&bind.inside, !bind.host.is_file())?;
        mounts.push((mounts::copy_tree(&bind.host, READ_ONLY | NO_DEVICES)?, bind.inside.clone()));
    }
    mounts.extend(mounts::layers(&spec.opt_dirs)?.map(|layers| (layers, PathBuf::from("/opt"))));
    let tmpfs_bytes = site.disk.is_none().then_some(spec.ephemeral_bytes);
    mounts.extend(site.disk.map(|disk| (disk, PathBuf::from("/tmp"))));
    let walls = Walls {
        entrances,
        network,
        root: site.root.namespace.as_fd(),
        mounts,
        tmpfs_bytes,
        uid: site.uid,
        filter: site.filter,
    };
    fork(spec, Some(walls), doors, [RUNTIME_API_PORT, PLATFORM_PORT])
}

/// Starts a child process with limits and nothing else.
pub(crate) fn plain(spec: &Spec) -> Result<Launched> {
    let doors = Doors::open(0, 0)?;
    let ports = [local_port(&doors.runtime_api)?, local_port(&doors.platform)?];
    fork(spec, None, doors, ports)
}

fn fork(spec: &Spec, walls: Option<Walls<'_>>, doors: Doors, ports: [u16; 2]) -> Result<Launched> {
    let (status, child_status) = channel::pair().step("make status socket")?;
    let (output, child_output) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).step("make output pipe")?;
    if let Some(uid) = walls.as_ref().and_then(|walls| walls.uid) {
        // Opening `/dev/stdout` by name asks for permission on the pipe itself.
        let (owner, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
        rustix::fs::fchown(&child_output, Some(owner), Some(group)).step("give away output pipe")?;
    }
    let flags = libc::CLONE_PIDFD | if walls.is_some() { NAMESPACES } else { 0 };
    let entry = Entry {
        walls,
        limits: spec.limits,
        cwd: spec.cwd.clone(),
        program: text(&spec.program.to_string_lossy())?,
        arguments: arguments(spec)?,
        environment: environment(spec, ports)?,
        status: sys::duplicate_high(child_status.as_fd()).step("keep status socket")?,
        output: sys::duplicate_high(child_output.as_fd()).step("keep output pipe")?,
    };
    match sys::fork(flags).step("fork the sandbox")? {
        Forked::Child => init::run(&entry),
        Forked::Parent { pid, pidfd } => {
            let pidfd = pidfd.ok_or_else(|| Failure::new("watch the sandbox", libc::ENOSYS))?;
            Ok(Launched { pid, pidfd, status, output, doors })
        }
    }
}

fn arguments(spec: &Spec) -> Result<Vec<CString>> {
    std::iter::once(spec.program.to_string_lossy().as_ref())
        .chain(spec.args.iter().map(String::as_str))
        .map(text)
        .collect()
}

fn environment(spec: &Spec, [runtime_api, platform]: [u16; 2]) -> Result<Vec<CString>> {
    let mut lines: Vec<_> = spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for var in &spec.doors {
        let port = match var.door {
            Door::RuntimeApi => runtime_api,
            Door::Platform => platform,
        };
        lines.push(format!("{}={}127.0.0.1:{port}", var.name, var.prefix));
    }
    lines.iter().map(|line| text(line)).collect()
}

fn text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Failure::new("take a text with a zero byte in it", libc::EINVAL))
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
