//! What a template's INIT left in `/tmp`, given to every copy as its own.
//!
//! The template never runs again, so its files stand still; the copy has not run yet, so nobody else is at its own. What
//! is neither file, folder nor link, and what would take long at every start, is a reason to refuse the snapshot.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};

use crate::failure::{Failure, Result, Step};
use crate::image::Refusal;

/// By their sizes as shown: a file with holes is whole in the copy.
const BYTES_MAX: u64 = 256 << 20;
const ENTRIES_MAX: u32 = 10_000;
const DEPTH_MAX: u32 = 32;
const STEP: &str = "copy /tmp";
const PERMISSIONS: u32 = 0o7777;

/// What may still be carried.
struct Budget {
    bytes: u64,
    entries: u32,
}

/// `/tmp` of the sandbox that process `pid` is in, which must be stopped.
pub(crate) fn open(pid: i32) -> Result<OwnedFd> {
    rustix::fs::open(format!("/proc/{pid}/root/tmp"), FOLDER, Mode::empty()).step(STEP)
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Whether everything in `folder` can be carried.
pub(crate) fn check(folder: &OwnedFd) -> std::result::Result<(), Refusal> {
    let mut budget = Budget { bytes: BYTES_MAX, entries: ENTRIES_MAX };
    walk(folder.as_fd(), None, DEPTH_MAX, &mut budget)
        .map_err(|failure| format!("what it has in /tmp cannot be copied ({failure})"))
}

/// Copies everything in `from` to `to`, which is empty.
pub(crate) fn copy(from: BorrowedFd<'_>, to: &OwnedFd) -> Result<()> {
    let mut budget = Budget { bytes: BYTES_MAX, entries: ENTRIES_MAX };
    walk(from, Some(to.as_fd()), DEPTH_MAX, &mut budget)
}

/// Goes through `from`; copies it if there is a `to`.
fn walk(from: BorrowedFd<'_>, to: Option<BorrowedFd<'_>>, depth: u32, budget: &mut Budget) -> Result<()> {
    let too_much = || Failure::new(STEP, libc::EFBIG);
    for entry in Dir::read_from(from).step(STEP)? {
        let entry = entry.step(STEP)?;
        let name = entry.file_name();
        if [c".", c".."].contains(&name) {
            continue;
        }
        budget.entries = budget.entries.checked_sub(1).ok_or_else(too_much)?;
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW).step(STEP)?;
        let mode = Mode::from_raw_mode(stat.st_mode & PERMISSIONS);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let depth = depth.checked_sub(1).ok_or_else(too_much)?;
                let inner = rustix::fs::openat(from, name, FOLDER, Mode::empty()).step(STEP)?;
                let Some(to) = to else {
                    walk(inner.as_fd(), None, depth, budget)?;
                    continue;
                };
                rustix::fs::mkdirat(to, name, Mode::RWXU).step(STEP)?;
                let copy = rustix::fs::openat(to, name, FOLDER, Mode::empty()).step(STEP)?;
                walk(inner.as_fd(), Some(copy.as_fd()), depth, budget)?;
                finish(&copy, &stat, mode)?;
            }
            FileType::RegularFile => {
                budget.bytes = budget.bytes.checked_sub(stat.st_size as u64).ok_or_else(too_much)?;
                let Some(to) = to else { continue };
                let reading = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner = rustix::fs::openat(from, name, reading, Mode::empty()).step(STEP)?;
                let writing = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                let copy = rustix::fs::openat(to, name, writing, Mode::RUSR).step(STEP)?;
                let (mut source, mut target) = (std::fs::File::from(inner), std::fs::File::from(copy));
                std::io::copy(&mut source, &mut target).step(STEP)?;
                finish(&OwnedFd::from(target), &stat, mode)?;
            }
            FileType::Symlink => {
                let Some(to) = to else { continue };
                let target = rustix::fs::readlinkat(from, name, Vec::new()).step(STEP)?;
                rustix::fs::symlinkat(&target, to, name).step(STEP)?;
                let (owner, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
                rustix::fs::chownat(to, name, Some(owner), Some(group), AtFlags::SYMLINK_NOFOLLOW)
                    .step(STEP)?;
            }
            _ => return Err(Failure::new(STEP, libc::ENOTSUP)),
        }
    }
    Ok(())
}

fn finish(copy: &OwnedFd, stat: &rustix::fs::Stat, mode: Mode) -> Result<()> {
    rustix::fs::fchown(copy, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))
        .step(STEP)?;
    rustix::fs::fchmod(copy, mode).step(STEP)?;
    let time = |seconds: i64, nanoseconds: u64| Timespec { tv_sec: seconds, tv_nsec: nanoseconds as i64 };
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    rustix::fs::futimens(copy, &times).step(STEP)
}
