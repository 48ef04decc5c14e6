//! Who may use a store's directory: one process at a time, and only if it knows the format.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::OpenError;

/// What the file `FORMAT` holds. A new layout of the directory, of keys or of the embedded engine changes it.
pub(crate) const FORMAT: &str = "lambent-kv 1 fjall-3";

const FORMAT_FILE: &str = "FORMAT";
const FORMAT_UNFINISHED: &str = "FORMAT.new";
const LOCK_FILE: &str = "LOCK";
const DATA: &str = "data";
/// How often a lock is asked for that somebody who is gone seems to have: for two seconds.
const TRIES: u32 = 200;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// A directory that this process alone uses until this is dropped, or the process ends.
pub(crate) struct Directory {
    data: PathBuf,
    _lock: File,
}

impl Directory {
    pub(crate) fn claim(dir: &Path) -> Result<Self, OpenError> {
        let io = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { doing, path, source }
        };
        fs::create_dir_all(dir).map_err(io("create directory", dir))?;
        let lock = lock(dir)?;
        let marker = dir.join(FORMAT_FILE);
        match fs::read_to_string(&marker) {
            Ok(found) if found.trim_end() == FORMAT => {}
            Ok(found) => {
                return Err(OpenError::UnknownFormat {
                    dir: dir.to_owned(),
                    found: found.trim_end().to_owned(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !is_fresh(dir).map_err(io("list directory", dir))? {
                    return Err(OpenError::NotAStore { dir: dir.to_owned() });
                }
                mark(dir).map_err(io("write format of", dir))?;
            }
            Err(source) => return Err(OpenError::Io { doing: "read", path: marker, source }),
        }
        Ok(Self { data: dir.join(DATA), _lock: lock })
    }

    /// Where the embedded engine keeps its files.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }
}

/// The kernel drops the lock with the process, however it ends; the pid in the file tells whose it is.
///
/// A process that is killed while it starts another leaves that one with all that was open, until it executes its
/// program: a lock of somebody who is gone is free in a moment.
fn lock(dir: &Path) -> Result<File, OpenError> {
    let mut tries = 0;
    lock_or(dir, |pid| {
        tries += 1;
        let waits = tries < TRIES && !Path::new("/proc").join(pid).exists();
        if waits {
            #[expect(
                clippy::disallowed_methods,
                reason = "nothing tells when a lock is free, but to hang for it"
            )]
            std::thread::sleep(BETWEEN_TRIES);
        }
        waits
    })
}

/// `waits`, asked with the pid of whoever has the lock, has waited, or wants to wait no longer.
fn lock_or(dir: &Path, mut waits: impl FnMut(&str) -> bool) -> Result<File, OpenError> {
    let path = dir.join(LOCK_FILE);
    let failed = |source| OpenError::Io { doing: "lock", path: path.clone(), source };
    let open = || File::options().read(true).write(true).create(true).truncate(false).open(&path);
    loop {
        let mut file = open().map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
                return Ok(file);
            }
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(failed)?;
                // The other process may not have written its pid yet.
                let pid = if pid.is_empty() { "unknown" } else { pid.trim_end() };
                if !waits(pid) {
                    return Err(OpenError::InUse { dir: dir.to_owned(), pid: pid.to_owned() });
                }
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

/// Whether nothing is in `dir` but what a first opening that was cut short leaves.
fn is_fresh(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if name != LOCK_FILE && name != FORMAT_UNFINISHED {
            return Ok(false);
        }
    }
    Ok(true)
}

fn mark(dir: &Path) -> io::Result<()> {
    let unfinished = dir.join(FORMAT_UNFINISHED);
    let mut file = File::create(&unfinished)?;
    writeln!(file, "{FORMAT}")?;
    file.sync_all()?;
    fs::rename(unfinished, dir.join(FORMAT_FILE))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_let_go_of_meanwhile_is_taken() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut held = Some(lock(dir.path()).expect("take the lock"));
        let own = std::process::id().to_string();
        let taken = lock_or(dir.path(), |pid| {
            assert_eq!(pid, own);
            held.take().is_some()
        });
        taken.expect("it is free on the second try");
        assert!(held.is_none(), "it was not on the first");
    }
}
