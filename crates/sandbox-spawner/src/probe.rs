//! What this host can do for sandboxes, found by trying, line by line.
//!
//! The trials fork and make namespaces, so they run in a process of their own: the same program in another
//! role.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::net::RecvFlags;
use rustix::thread::UnshareFlags;
use sandbox::{Error, Finding, Limits, Network, Spec, Status};

use crate::cgroup::Layout;
use crate::channel::{self, Receiver};
use crate::client::Command;
use crate::failure::{Failure, Result, Step};
use crate::root::{Root, unshare};
use crate::scratch::Disks;
use crate::sys::{self, Forked};
use crate::{filter, mounts, netns, outlet, role};

/// Size of the disk tried for `/tmp`.
const DISK_BYTES: u64 = 64 * 1024 * 1024;

/// Tries everything sandboxes need on this host, with `scratch_dir` as their folder.
pub fn probe(command: &Command, scratch_dir: &Path) -> sandbox::Result<Vec<Finding>> {
    let broken = |source| Error::Build { step: "probe the host".to_owned(), source };
    std::fs::create_dir_all(scratch_dir).map_err(broken)?;
    let output = std::process::Command::new(&command.program)
        .args([std::ffi::OsStr::new(role::PROBE_ROLE), scratch_dir.as_os_str()])
        .stdin(Stdio::null())
        .output()
        .map_err(broken)?;
    serde_json::from_slice(&output.stdout).map_err(|error| broken(error.into()))
}

/// The other role: tries, and prints what it found.
pub(crate) fn run(scratch_dir: &Path) {
    let root = rustix::process::geteuid().is_root();
    let mut findings = vec![kernel(), privileges(root)];
    findings.extend(namespaces(root));
    findings.push(line(
        "read-only root",
        attempt(|| as_root(root).and_then(|()| Root::build(root, &[], None)).map(drop)),
        "needs Linux 5.12 and the right to mount: run as root",
    ));
    findings.push(line(
        "network namespace with listeners",
        attempt(|| as_root(root).and_then(|()| netns::make()).map(drop)),
        "run as root, or allow user namespaces",
    ));
    findings.push(line(
        "merged layers (overlayfs)",
        attempt(|| overlay(root, scratch_dir)),
        "load the overlay module",
    ));
    findings.extend(cgroups());
    findings.extend(disk(root, scratch_dir));
    findings.push(line(
        "system call filter",
        attempt(|| {
            rustix::thread::set_no_new_privs(true).step("give up gaining privileges")?;
            sys::install_filter(&filter::program()?).step("install the filter")
        }),
        "needs a kernel with CONFIG_SECCOMP_FILTER",
    ));
    findings.push(landlock());
    findings.push(line(
        "outbound network",
        outbound(root),
        "run as root, with CAP_BPF and CAP_NET_ADMIN, on a kernel with CONFIG_BPF_SYSCALL",
    ));
    if let Ok(text) = serde_json::to_string(&findings) {
        println!("{text}");
    }
}

fn kernel() -> Finding {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    finding("kernel", Status::Ok, &format!("Linux {release} {}", name.machine().to_string_lossy()), "")
}

fn privileges(root: bool) -> Finding {
    if root {
        return finding("privileges", Status::Ok, "root: each sandbox runs as a user of its own", "");
    }
    let detail = "not root: sandboxes share the daemon's user, /tmp is memory, cgroups need delegation";
    finding("privileges", Status::Limited, detail, "run the daemon as root")
}

fn namespaces(root: bool) -> Vec<Finding> {
    let kinds = [
        ("user namespaces", UnshareFlags::NEWUSER),
        ("mount namespaces", UnshareFlags::NEWNS),
        ("pid namespaces", UnshareFlags::NEWPID),
        ("ipc namespaces", UnshareFlags::NEWIPC),
        ("uts namespaces", UnshareFlags::NEWUTS),
        ("cgroup namespaces", UnshareFlags::NEWCGROUP),
    ];
    let try_one = |(name, flag): (&str, UnshareFlags)| {
        let first = if flag == UnshareFlags::NEWUSER { Ok(()) } else { attempt(|| as_root(root)) };
        let tried = first.and_then(|()| {
            attempt(|| {
                if flag != UnshareFlags::NEWUSER {
                    as_root(root)?;
                }
                unshare(flag, "unshare")
            })
        });
        line(
            name,
            tried,
            "raise user.max_*_namespaces, or allow unprivileged user namespaces (AppArmor, sysctl)",
        )
    };
    kinds.into_iter().map(try_one).collect()
}

fn overlay(root: bool, scratch_dir: &Path) -> Result<()> {
    as_root(root)?;
    let lower = [scratch_dir.join("probe-a"), scratch_dir.join("probe-b")];
    for dir in &lower {
        std::fs::create_dir_all(dir).step("make directory")?;
    }
    let merged = mounts::layers(&lower).map(drop);
    for dir in &lower {
        let _ = std::fs::remove_dir(dir);
    }
    merged
}

fn cgroups() -> Vec<Finding> {
    let name = format!("lambent-probe-{}", std::process::id());
    let (layout, _) = Layout::find(&name);
    let mut findings = vec![finding(
        "cgroups",
        if layout.is_empty() { Status::Missing } else { Status::Ok },
        &layout.describe(),
        if layout.is_empty() {
            "mount cgroups, or have the service manager delegate them (Delegate=yes)"
        } else {
            ""
        },
    )];
    let group = layout.group("1");
    let made =
        if layout.is_empty() { Err(Failure::new("make cgroup", libc::ENOENT)) } else { group.create() };
    let limited = made.clone().and_then(|()| group.set_limits(&smallest()));
    for (what, controller) in [("memory limit", "memory"), ("process limit", "pids")] {
        findings.push(controlled(what, controller, &layout, limited.clone()));
    }
    let share = made.clone().and_then(|()| group.set_cpu(Some(72)).step("set cpu share"));
    findings.push(controlled("cpu share", "cpu", &layout, share));
    let frozen = made.and_then(|()| {
        group.freeze(true).step("freeze")?;
        group.freeze(false).step("thaw")
    });
    findings.push(line("freezing", frozen, "needs cgroup v2, or v1 with the freezer controller"));
    group.remove();
    layout.remove();
    findings
}

fn controlled(what: &str, controller: &str, layout: &Layout, tried: Result<()>) -> Finding {
    let missing = || Failure::new(format!("find controller {controller}"), libc::ENOENT);
    let tried = if layout.has(controller) { tried } else { Err(missing()) };
    line(what, tried, "enable the cgroup controller for the daemon's group (Delegate=yes, subtree_control)")
}

fn smallest() -> Spec {
    Spec {
        id: "probe".to_owned(),
        root: None,
        code_dir: Some(PathBuf::new()),
        opt_dirs: Vec::new(),
        binds: Vec::new(),
        program: PathBuf::new(),
        args: Vec::new(),
        env: Vec::new(),
        doors: Vec::new(),
        cwd: PathBuf::new(),
        companions: sandbox::Companions::default(),
        memory_bytes: 128 << 20,
        cpu_millis: 72,
        ephemeral_bytes: DISK_BYTES,
        limits: Limits::default(),
        network: Network::Isolated,
    }
}

fn disk(root: bool, scratch_dir: &Path) -> Vec<Finding> {
    let loops = File::options().read(true).write(true).open("/dev/loop-control").map(drop);
    let mkfs = std::process::Command::new("mkfs.ext4")
        .arg("-V")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let whole = if root {
        attempt(|| {
            let (mount, disk) = Disks::new(scratch_dir.to_owned()).make(DISK_BYTES)?;
            drop(mount);
            disk.discard();
            Ok(())
        })
    } else {
        Err(Failure::new("mount a disk without being root", libc::EPERM))
    };
    vec![
        line("loop devices", loops.step("open loop control"), "load the loop module; run as root"),
        line("mkfs.ext4", mkfs.map(drop).step("run mkfs.ext4"), "install e2fsprogs"),
        line("disk for /tmp", whole, "without it /tmp is memory and counts towards the function's limit"),
    ]
}

fn landlock() -> Finding {
    match sys::landlock_version() {
        Ok(version) => finding("landlock", Status::Ok, &format!("version {version}; not needed"), ""),
        Err(_) => finding("landlock", Status::Limited, "not in this kernel; not needed", ""),
    }
}

/// Tries whether sandboxes can have a way out: connections that begin in one have to arrive at the relay's
/// sockets.
pub(crate) fn outbound(root: bool) -> Result<()> {
    if !root {
        return Err(Failure::new("steer connections without being root", libc::EPERM));
    }
    attempt(|| {
        netns::make()?;
        outlet::try_out()
    })
}

/// Gains the rights that namespaces need, as the spawner would.
fn as_root(root: bool) -> Result<()> {
    if root { Ok(()) } else { role::become_root_of_a_namespace() }
}

/// Runs `trial` in a child of its own, whatever it changes goes with it.
fn attempt(trial: impl FnOnce() -> Result<()>) -> Result<()> {
    let (ours, theirs) = channel::pair().step("make socket")?;
    match sys::fork(0).step("fork")? {
        Forked::Child => {
            let _ = channel::send(&theirs, &trial(), &[]);
            sys::exit_now(0)
        }
        Forked::Parent { pid, .. } => {
            drop(theirs);
            let told = Receiver::new().receive::<Result<()>>(ours.as_fd(), RecvFlags::empty());
            sys::reap(pid, true);
            match told {
                Ok(Some((result, _))) => result,
                _ => Err(Failure::new("hear how the trial went", libc::ECHILD)),
            }
        }
    }
}

fn line(name: &str, tried: Result<()>, fix: &str) -> Finding {
    match tried {
        Ok(()) => finding(name, Status::Ok, "works", ""),
        Err(failure) => finding(name, Status::Missing, &failure.to_string(), fix),
    }
}

fn finding(name: &str, status: Status, detail: &str, fix: &str) -> Finding {
    Finding { name: name.to_owned(), status, detail: detail.to_owned(), fix: fix.to_owned() }
}

/// Reads the folder from the command line and runs; the caller has seen the role.
pub(crate) fn run_from_arguments() {
    if let Some(dir) = std::env::args_os().nth(2) {
        run(Path::new(&dir));
    }
}
