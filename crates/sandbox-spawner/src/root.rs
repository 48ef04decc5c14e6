//! The root every sandbox sees: made once, in a mount namespace that holds nothing else of the host.
//!
//! A child enters this namespace and takes its own copy of it, which is quick because it is so small, and
//! needs no `pivot_root` of its own, which is slow.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dev, FileType, Mode, OFlags};
use rustix::mount::{MountPropagationFlags, OpenTreeFlags, UnmountFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use sandbox::Trust;

use crate::failure::{Failure, Result, Step};
use crate::mounts::{self, NO_DEVICES, READ_ONLY};
use crate::wire::Authority;
use crate::{resolvers, sys, trust};

/// The user a function sees itself as.
pub(crate) const INSIDE_ID: u32 = 993;
const USER_NAME: &str = "sbx_user1051";

/// A place in the spawner's private copy of the mount table to build the new root at.
const WORKSHOP: &str = "/tmp";
const MOUNT_POINTS: [&str; 7] = ["proc", "tmp", "var/task", "var/runtime", "var/lang", "opt", "usr"];
const DEVICES: [(&str, u32, u32); 5] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9)];
/// What programs below `/usr` expect in `/etc`, taken from the host where it has them. Nothing here is
/// secret.
const ETC_COPIED: [&str; 10] = [
    "alternatives",
    "ld.so.cache",
    "ssl/certs",
    "ssl/openssl.cnf",
    "pki/tls/certs",
    "pki/ca-trust/extracted",
    "crypto-policies",
    "protocols",
    "services",
    "mime.types",
];
/// Where an image is attached on its way to becoming the root.
const IMAGE_DOOR: &str = "/opt";
/// What an image sees of the sandbox's own `/etc`.
const OWN_FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];
/// A copied tree with more entries than this is not what it was taken for.
const ETC_ENTRIES_MAX: usize = 4096;

/// The finished root.
pub(crate) struct Root {
    /// The mount namespace that holds it and nothing else.
    pub namespace: OwnedFd,
    /// The same file system, writable, so that mount points can be added later.
    writable: OwnedFd,
}

impl Root {
    /// Builds the root, leaving the calling process in the mount namespace it came from.
    /// `resolvers` are the name servers functions are told of; `authority` is trusted inside.
    pub(crate) fn build(
        own_users: bool,
        resolvers: &[Ipv4Addr],
        authority: Option<&Authority>,
    ) -> Result<(Self, Option<Trust>)> {
        let home = open_namespace("mnt")?;
        unshare(UnshareFlags::NEWNS, "make a mount namespace")?;
        let built = Self::build_here(own_users, resolvers, authority);
        enter_namespace(&home, LinkNameSpaceType::Mount)?;
        built
    }

    fn build_here(
        own_users: bool,
        resolvers: &[Ipv4Addr],
        authority: Option<&Authority>,
    ) -> Result<(Self, Option<Trust>)> {
        // Opened first: the new root has no `/proc` to find it by.
        let namespace = open_namespace("mnt")?;
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        rustix::mount::mount_change("/", private).step("keep mounts private")?;
        let tmpfs = mounts::new_filesystem("tmpfs", &[("size", "16m"), ("mode", "755")], NO_DEVICES)?;
        // The usual places must be taken from before the workshop covers one of them.
        let system = system_directories()?;
        let proc = (!own_users).then(|| mounts::copy_tree(Path::new("/proc"), NO_DEVICES)).transpose()?;
        let devices = devices(own_users)?;
        let mut etc = read_etc();
        let trust = authority.map(|authority| trust::add(authority, &mut etc));
        mounts::attach(tmpfs.as_fd(), Path::new(WORKSHOP))?;

        let at = |path: &str| Path::new(WORKSHOP).join(path);
        for point in MOUNT_POINTS {
            make_dirs(&at(point))?;
        }
        for (name, content) in system {
            match content {
                SystemDirectory::Link(target) => {
                    rustix::fs::symlinkat(&target, CWD, at(&name)).step("link system directory")?;
                }
                SystemDirectory::Mount(tree) => {
                    make_dirs(&at(&name))?;
                    mounts::attach(tree.as_fd(), &at(&name))?;
                }
            }
        }
        // A process in a user namespace may mount its own /proc only where it can see one already.
        if let Some(proc) = proc {
            mounts::attach(proc.as_fd(), &at("proc"))?;
        }
        place_devices(devices, &at("dev"))?;
        write_etc(&at("etc"), etc, resolvers)?;

        let writable = rustix::mount::open_tree(
            tmpfs.as_fd(),
            "",
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH,
        );
        // In a user namespace mounts below cannot be left behind: the mount itself serves, and stays writable
        // for its owner, who no sandbox is.
        let writable = match writable {
            Ok(copy) => {
                sys::mount_set_attributes(tmpfs.as_fd(), READ_ONLY | NO_DEVICES, false)
                    .step("protect the root")?;
                copy
            }
            Err(_) => tmpfs,
        };
        rustix::process::chdir(WORKSHOP).step("enter the new root")?;
        rustix::process::pivot_root(".", ".").step("pivot to the new root")?;
        rustix::mount::unmount(".", UnmountFlags::DETACH).step("leave the old root")?;
        Ok((Self { namespace, writable }, trust))
    }

    /// Makes sure that something can be mounted at `path`, an absolute path inside the sandbox.
    pub(crate) fn ensure_mount_point(&self, path: &Path, directory: bool) -> Result<()> {
        let Ok(relative) = path.strip_prefix("/") else {
            return Err(Failure::new(format!("bind at {}", path.display()), libc::EINVAL));
        };
        let inside_root = relative.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let mounted = ["usr", "proc", "dev", "tmp", "var/task"];
        if !inside_root
            || relative.as_os_str().is_empty()
            || mounted.iter().any(|top| relative.starts_with(top))
        {
            return Err(Failure::new(format!("bind at {}", path.display()), libc::EINVAL));
        }
        let mut made = PathBuf::new();
        let parts = relative.components().count();
        for (index, part) in relative.components().enumerate() {
            made.push(part);
            let result = if index + 1 == parts && !directory {
                let flags = OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
                rustix::fs::openat(&self.writable, &made, flags, Mode::from_raw_mode(0o444)).map(drop)
            } else {
                rustix::fs::mkdirat(&self.writable, &made, Mode::from_raw_mode(0o755))
            };
            match result {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => {
                    return Err(error).step_with(|| format!("make mount point {}", path.display()));
                }
            }
        }
        Ok(())
    }
}

/// Makes an unpacked image the root of the calling process, whose mount namespace is its own by now. What a sandbox
/// has of its own comes along.
pub(crate) fn change_to_image(image: &OwnedFd) -> Result<()> {
    let own = ["/proc", "/dev"].into_iter().chain(OWN_FILES);
    let own = own.map(|path| mounts::copy_tree(Path::new(path), 0).map(|tree| (path, tree)));
    let own = own.collect::<Result<Vec<_>>>()?;
    mounts::attach(image.as_fd(), Path::new(IMAGE_DOOR))?;
    rustix::process::chdir(IMAGE_DOOR).step("enter the image")?;
    rustix::process::pivot_root(".", ".").step("pivot to the image")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).step("leave the root for the image")?;
    rustix::process::chdir("/").step("enter the image's root")?;
    // From here on every path is the image's: its links lead nowhere else.
    own.iter().try_for_each(|(path, tree)| mounts::attach(tree.as_fd(), Path::new(path)))
}

pub(crate) fn open_namespace(kind: &str) -> Result<OwnedFd> {
    let path = format!("/proc/self/ns/{kind}");
    rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .step_with(|| format!("open {path}"))
}

pub(crate) fn enter_namespace(namespace: &OwnedFd, kind: LinkNameSpaceType) -> Result<()> {
    rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(kind))
        .step_with(|| format!("enter namespace {kind:?}"))
}

pub(crate) fn unshare(flags: UnshareFlags, step: &str) -> Result<()> {
    // SAFETY: none of the flags used unshares the descriptor table, and the process has one thread.
    unsafe { rustix::thread::unshare_unsafe(flags) }.step(step)
}

enum SystemDirectory {
    Link(PathBuf),
    Mount(OwnedFd),
}

/// `/usr` and the directories that most systems keep as links into it.
fn system_directories() -> Result<Vec<(String, SystemDirectory)>> {
    let mut found = Vec::new();
    for name in ["usr", "bin", "sbin", "lib", "lib64", "lib32"] {
        let path = Path::new("/").join(name);
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        let content = if metadata.is_symlink() {
            SystemDirectory::Link(fs::read_link(&path).step("read system link")?)
        } else {
            SystemDirectory::Mount(mounts::copy_tree(&path, READ_ONLY | NO_DEVICES)?)
        };
        found.push((name.to_owned(), content));
    }
    Ok(found)
}

/// Where the entries of `/dev` come from.
enum Devices {
    /// Made anew, on a file system of their own that allows devices.
    Made(OwnedFd),
    /// Bound from the host: a user namespace may not make any.
    Bound(Vec<(&'static str, OwnedFd)>),
}

fn devices(own_users: bool) -> Result<Devices> {
    if own_users {
        let options = [("size", "64k"), ("mode", "755")];
        let attributes = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
        return mounts::new_filesystem("tmpfs", &options, attributes).map(Devices::Made);
    }
    let bind = |(name, _, _): (&'static str, u32, u32)| {
        mounts::copy_tree(&Path::new("/dev").join(name), libc::MOUNT_ATTR_NOSUID).map(|tree| (name, tree))
    };
    DEVICES.into_iter().map(bind).collect::<Result<_>>().map(Devices::Bound)
}

fn place_devices(devices: Devices, dev: &Path) -> Result<()> {
    make_dirs(dev)?;
    if let Devices::Made(tmpfs) = &devices {
        mounts::attach(tmpfs.as_fd(), dev)?;
        for (name, major, minor) in DEVICES {
            let path = dev.join(name);
            let number: Dev = rustix::fs::makedev(major, minor);
            rustix::fs::mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o666), number)
                .step("make device")?;
            rustix::fs::chmod(&path, Mode::from_raw_mode(0o666)).step("open device to all")?;
        }
    }
    if let Devices::Bound(bound) = &devices {
        for (name, tree) in bound {
            File::create(dev.join(name)).step("make device mount point")?;
            mounts::attach(tree.as_fd(), &dev.join(name))?;
        }
    }
    for (name, target) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]
    {
        rustix::fs::symlinkat(target, CWD, dev.join(name)).step("link device")?;
    }
    if let Devices::Made(tmpfs) = &devices {
        let attributes = READ_ONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC;
        sys::mount_set_attributes(tmpfs.as_fd(), attributes, false).step("protect /dev")?;
    }
    Ok(())
}

/// One entry of the new `/etc`.
pub(crate) enum Entry {
    File(Vec<u8>),
    Link(PathBuf),
}

/// Reads what is copied from the host's `/etc`. What cannot be read is left out: nothing there is essential.
fn read_etc() -> Vec<(PathBuf, Entry)> {
    let mut entries = Vec::new();
    for name in ETC_COPIED {
        read_tree(&Path::new("/etc").join(name), &mut entries);
    }
    // Debian's JVMs keep their settings here, behind links from below /usr.
    for found in fs::read_dir("/etc").into_iter().flatten().flatten() {
        if found.file_name().to_string_lossy().starts_with("java-") {
            read_tree(&found.path(), &mut entries);
        }
    }
    entries
}

fn read_tree(path: &Path, entries: &mut Vec<(PathBuf, Entry)>) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    let Ok(name) = path.strip_prefix("/etc") else { return };
    if entries.len() >= ETC_ENTRIES_MAX {
        return;
    }
    if metadata.is_symlink() {
        entries.extend(fs::read_link(path).map(|target| (name.to_owned(), Entry::Link(target))));
    } else if metadata.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            read_tree(&entry.path(), entries);
        }
    } else if world_readable(&metadata) {
        entries.extend(fs::read(path).map(|content| (name.to_owned(), Entry::File(content))));
    }
}

/// A file its owner keeps from other users stays out of every sandbox too.
fn world_readable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.is_file() && metadata.permissions().mode() & 0o004 != 0
}

fn write_etc(etc: &Path, copied: Vec<(PathBuf, Entry)>, resolvers: &[Ipv4Addr]) -> Result<()> {
    let id = INSIDE_ID;
    let own: [(&str, String); 6] = [
        (
            "passwd",
            format!(
                "root:x:0:0:root:/root:/sbin/nologin\n{USER_NAME}:x:{id}:{id}::/home/{USER_NAME}:/sbin/nologin\n\
                 nobody:x:65534:65534:nobody:/:/sbin/nologin\n"
            ),
        ),
        ("group", format!("root:x:0:\n{USER_NAME}:x:{id}:\nnogroup:x:65534:\n")),
        ("hosts", "127.0.0.1 localhost lambda sandbox.localdomain sandbox\n::1 localhost\n".to_owned()),
        ("hostname", "lambda\n".to_owned()),
        ("resolv.conf", resolvers::file(resolvers)),
        ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n".to_owned()),
    ];
    let own = own.into_iter().map(|(name, text)| (PathBuf::from(name), Entry::File(text.into_bytes())));
    let links = [("localtime", "/usr/share/zoneinfo/UTC"), ("os-release", "../usr/lib/os-release")];
    let links = links.into_iter().map(|(name, target)| (PathBuf::from(name), Entry::Link(target.into())));
    make_dirs(etc)?;
    for (name, entry) in own.chain(links).chain(copied) {
        let path = etc.join(&name);
        if let Some(parent) = path.parent() {
            make_dirs(parent)?;
        }
        match entry {
            Entry::File(content) => fs::write(&path, content),
            Entry::Link(target) => std::os::unix::fs::symlink(target, &path),
        }
        .step_with(|| format!("write /etc/{}", name.display()))?;
    }
    Ok(())
}

fn make_dirs(path: &Path) -> Result<()> {
    fs::create_dir_all(path).step_with(|| format!("make directory {}", path.display()))
}
