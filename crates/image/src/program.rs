//! Finds things in an unpacked image as a process inside would: every link leads inside.

use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};

/// The absolute path, as inside, of the program that `name` means: a path, or a name looked up along `path`.
pub fn find_program(tree: &Path, directory: &Path, path: &str, name: &str) -> Option<PathBuf> {
    let candidates = if name.contains('/') {
        vec![directory.join(name)]
    } else {
        path.split(':').map(|folder| directory.join(folder).join(name)).collect()
    };
    candidates.into_iter().find(|candidate| {
        let mode = mode(tree, candidate);
        mode.is_some_and(|mode| FileType::from_raw_mode(mode) == FileType::RegularFile && mode & 0o111 != 0)
    })
}

/// Whether there is a directory at `path`, an absolute path as inside.
pub fn find_directory(tree: &Path, path: &Path) -> bool {
    mode(tree, path).is_some_and(|mode| FileType::from_raw_mode(mode) == FileType::Directory)
}

fn mode(tree: &Path, path: &Path) -> Option<u32> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, tree, flags | OFlags::DIRECTORY, Mode::empty()).ok()?;
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let found = rustix::fs::openat2(&root, path, flags, Mode::empty(), inside).ok()?;
    Some(rustix::fs::fstat(&found).ok()?.st_mode)
}
