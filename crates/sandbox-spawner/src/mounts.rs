//! Mounts that are made detached and attached later: a sandbox's directories enter it as descriptors.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags};

use crate::failure::{Result, Step};
use crate::sys;

pub(crate) const READ_ONLY: u64 = libc::MOUNT_ATTR_RDONLY;
pub(crate) const NO_DEVICES: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// A detached copy of what is mounted at `path` and below, with `attributes` set everywhere in it.
pub(crate) fn copy_tree(path: &Path, attributes: u64) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        // In a mount namespace of a user namespace the mounts below cannot be left behind.
        | OpenTreeFlags::AT_RECURSIVE;
    let tree =
        rustix::mount::open_tree(CWD, path, flags).step_with(|| format!("copy mount {}", path.display()))?;
    sys::mount_set_attributes(tree.as_fd(), attributes, true)
        .step_with(|| format!("protect mount {}", path.display()))?;
    Ok(tree)
}

/// A new file system, detached. `options` with an empty value are flags.
pub(crate) fn new_filesystem(kind: &str, options: &[(&str, &str)], attributes: u64) -> Result<OwnedFd> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
        .step_with(|| format!("open file system {kind}"))?;
    for (key, value) in options {
        if value.is_empty() {
            rustix::mount::fsconfig_set_flag(context.as_fd(), *key)
        } else {
            rustix::mount::fsconfig_set_string(context.as_fd(), *key, *value)
        }
        .step_with(|| format!("configure {kind} with {key}={value}"))?;
    }
    rustix::mount::fsconfig_create(context.as_fd()).step_with(|| format!("create file system {kind}"))?;
    let attributes = MountAttrFlags::from_bits_retain(attributes as u32);
    rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        .step_with(|| format!("mount file system {kind}"))
}

/// A `/tmp` in memory.
pub(crate) fn memory(bytes: u64) -> Result<OwnedFd> {
    let size = bytes.to_string();
    new_filesystem("tmpfs", &[("size", &size), ("mode", "1777")], NO_DEVICES)
}

/// Puts a detached mount at `path`.
pub(crate) fn attach(mount: BorrowedFd<'_>, path: &Path) -> Result<()> {
    rustix::mount::move_mount(mount, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .step_with(|| format!("attach mount at {}", path.display()))
}

/// What a sandbox sees at `/opt`: one layer as it is, several merged, the last on top.
pub(crate) fn layers(dirs: &[PathBuf]) -> Result<Option<OwnedFd>> {
    // Overlay refuses a directory that comes twice; below itself it is covered anyway.
    let is_last = |(at, dir): &(usize, &PathBuf)| !dirs[at + 1..].contains(dir);
    let dirs = dirs.iter().enumerate().filter(is_last).map(|(_, dir)| dir).collect::<Vec<_>>();
    match dirs[..] {
        [] => Ok(None),
        [one] => copy_tree(one, READ_ONLY | NO_DEVICES).map(Some),
        [..] => merged(dirs.into_iter().rev()).map(Some),
    }
}

/// Directories seen as one, the first on top.
fn merged<'a>(dirs: impl Iterator<Item = &'a PathBuf>) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = |dir: &PathBuf| {
        rustix::fs::open(dir, flags, Mode::empty()).step_with(|| format!("open layer {}", dir.display()))
    };
    let opened = dirs.map(open).collect::<Result<Vec<_>>>()?;
    // By descriptor: an option holds 255 bytes, which two long paths exceed, and overlay would split a path at a
    // colon in it.
    let paths = opened.iter().map(|dir| format!("/proc/self/fd/{}", dir.as_raw_fd()));
    let paths = paths.collect::<Vec<_>>().join(":");
    new_filesystem("overlay", &[("lowerdir", &paths)], READ_ONLY | NO_DEVICES)
}
