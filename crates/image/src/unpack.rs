//! Layers into one tree, each on top of those before it.
//!
//! The bytes are hostile. Every path is resolved by the kernel as if the tree were the root, so a link, whatever it
//! says, leads nowhere else; and what a name stands for is replaced, never written through.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use tar::{EntryType, PaxExtensions};

/// Of an image unpacked, as on AWS.
pub const UNPACKED_BYTES_MAX: u64 = 10 << 30;
/// Of one layer as an archive, which also holds what is no file.
const LAYER_BYTES_MAX: u64 = 2 * UNPACKED_BYTES_MAX;
/// Files, folders and links of one image.
const ENTRIES_MAX: usize = 1_000_000;
/// Longer ones no kernel takes.
const PATH_BYTES_MAX: usize = 4096;
/// Of the names of one image, which are held while its layers are unpacked.
const NAME_BYTES_MAX: usize = 128 << 20;
/// Of what stands before an entry to say more of it.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    #[error("the layer {0} is gone")]
    Gone(String),
    #[error("unpack the layers")]
    Io(#[from] io::Error),
    #[error("the image is too large")]
    TooLarge,
    #[error("the image has an entry that makes no sense: {0}")]
    Hostile(String),
}

impl From<Errno> for UnpackError {
    fn from(error: Errno) -> Self {
        Self::Io(error.into())
    }
}

type Result<T, E = UnpackError> = std::result::Result<T, E>;

pub(crate) fn unpack(
    layers: impl Iterator<Item = (impl Read, bool)>,
    target: &Path,
    directories: &[&str],
    files: &[&str],
) -> Result<u64> {
    fs::create_dir_all(target)?;
    rustix::fs::chmod(target, Mode::from_raw_mode(0o755))?;
    let root = rustix::fs::openat(CWD, target, DIRECTORY, Mode::empty())?;
    let mut tree = Tree {
        root,
        bytes_left: UNPACKED_BYTES_MAX,
        entries_left: ENTRIES_MAX,
        name_bytes_left: NAME_BYTES_MAX,
    };
    for (layer, gzip) in layers {
        if gzip {
            tree.apply(MultiGzDecoder::new(layer))?;
        } else {
            tree.apply(layer)?;
        }
    }
    for path in directories {
        tree.ensure_directory(Path::new(path))?;
    }
    for path in files {
        let (parent, name) = tree.place(Path::new(path))?;
        remove(&parent, name)?;
        create(&parent, name)?.set_permissions(permissions(0o644))?;
    }
    Ok(UNPACKED_BYTES_MAX - tree.bytes_left)
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

struct Tree {
    root: OwnedFd,
    bytes_left: u64,
    entries_left: usize,
    name_bytes_left: usize,
}

impl Tree {
    fn apply(&mut self, layer: impl Read) -> Result<()> {
        let mut layer = layer.take(LAYER_BYTES_MAX);
        // What this layer has put there: an opaque folder hides only what is below.
        let mut written = BTreeSet::new();
        let mut cleared = HashSet::new();
        let mut archive = tar::Archive::new(&mut layer);
        let mut more = More::default();
        // Raw: what says more of an entry is read here, where it has a bound.
        for entry in archive.entries()?.raw(true) {
            let mut entry = entry?;
            self.entries_left = self.entries_left.checked_sub(1).ok_or(UnpackError::TooLarge)?;
            if more.take_up(&mut entry)? {
                continue;
            }
            let More { path, link } = std::mem::take(&mut more);
            let path = inside(&path.unwrap_or_else(|| entry.path_bytes().into_owned()))?;
            let link = link.or_else(|| entry.link_name_bytes().map(std::borrow::Cow::into_owned));
            self.name_bytes_left =
                self.name_bytes_left.checked_sub(path.as_os_str().len()).ok_or(UnpackError::TooLarge)?;
            // The root itself has the mode that it has.
            let Some(name) = path.file_name() else { continue };
            if name.as_bytes() == OPAQUE {
                let folder = path.parent().unwrap_or(Path::new(""));
                if cleared.insert(folder.to_owned()) {
                    self.clear(folder, &written)?;
                }
                continue;
            }
            if let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) {
                self.hide(&path, hidden)?;
                continue;
            }
            self.put(&mut entry, &path, &link.unwrap_or_default())?;
            written.insert(path);
        }
        // What follows the archive's end belongs to the checksum.
        io::copy(&mut layer, &mut io::sink())?;
        if layer.limit() == 0 { Err(UnpackError::TooLarge) } else { Ok(()) }
    }

    fn put(&mut self, entry: &mut tar::Entry<'_, impl Read>, path: &Path, link: &[u8]) -> Result<()> {
        let kind = entry.header().entry_type();
        let mode = entry.header().mode().unwrap_or(0o755) & 0o777;
        let (parent, name) = self.place(path)?;
        match kind {
            EntryType::Directory => {
                if file_type(&parent, name)? != Some(FileType::Directory) {
                    remove(&parent, name)?;
                    make_directory(&parent, name)?;
                }
                // The owner, who no function is, has to be able to remove it.
                let mode = Mode::from_raw_mode(mode | 0o700);
                rustix::fs::chmodat(&parent, name, mode, AtFlags::empty())?;
            }
            EntryType::GNUSparse => return Err(UnpackError::Hostile(path.display().to_string())),
            EntryType::Regular | EntryType::Continuous => {
                remove(&parent, name)?;
                let mut file = create(&parent, name)?;
                // One byte more than is left tells an image that fits exactly from one that does not.
                let written = io::copy(&mut entry.take(self.bytes_left + 1), &mut file)?;
                self.bytes_left = self.bytes_left.checked_sub(written).ok_or(UnpackError::TooLarge)?;
                file.set_permissions(permissions(mode | 0o600))?;
            }
            EntryType::Symlink => {
                if link.is_empty() || link.len() > PATH_BYTES_MAX || link.contains(&0) {
                    return Err(UnpackError::Hostile(path.display().to_string()));
                }
                remove(&parent, name)?;
                rustix::fs::symlinkat(OsStr::from_bytes(link), &parent, name)?;
            }
            EntryType::Link => {
                let target = inside(link)?;
                if target != path {
                    let (other_parent, other) = self.place(&target)?;
                    remove(&parent, name)?;
                    rustix::fs::linkat(&other_parent, other, &parent, name, AtFlags::empty())?;
                }
            }
            // Devices and pipes are of no use in a sandbox, where none can be opened.
            _ => {}
        }
        Ok(())
    }

    /// The directory that an entry goes into, made where it is missing, and the entry's own name.
    fn place<'a>(&self, path: &'a Path) -> Result<(OwnedFd, &'a OsStr)> {
        let name = path.file_name().ok_or_else(|| UnpackError::Hostile("an empty name".to_owned()))?;
        Ok((self.directory(path.parent().unwrap_or(Path::new("")))?, name))
    }

    fn directory(&self, path: &Path) -> Result<OwnedFd> {
        match self.find(path) {
            Err(Errno::NOENT) => {}
            found => return found.map_err(|error| hostile(path, error)),
        }
        let (parent, name) = self.place(path)?;
        // A link that leads nowhere is there and is no directory.
        make_directory(&parent, name).map_err(|error| hostile(path, error))?;
        Ok(rustix::fs::openat(&parent, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?)
    }

    fn find(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.root, path, DIRECTORY, Mode::empty(), inside)
    }

    fn ensure_directory(&self, path: &Path) -> Result<()> {
        let mut at = PathBuf::new();
        for part in path.components() {
            at.push(part);
            if self.find(&at).is_err() {
                let (parent, name) = self.place(&at)?;
                remove(&parent, name)?;
                make_directory(&parent, name)?;
            }
        }
        Ok(())
    }

    /// Removes what a whiteout names.
    fn hide(&self, path: &Path, hidden: &[u8]) -> Result<()> {
        if hidden.is_empty() || hidden == b"." || hidden == b".." {
            return Err(UnpackError::Hostile(path.display().to_string()));
        }
        match self.find(path.parent().unwrap_or(Path::new(""))) {
            Ok(parent) => remove(&parent, OsStr::from_bytes(hidden)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what is in a folder from the layers below.
    fn clear(&self, path: &Path, written: &BTreeSet<PathBuf>) -> Result<()> {
        let Ok(directory) = self.find(path) else { return Ok(()) };
        for entry in fs::read_dir(through(&directory))? {
            let name = entry?.file_name();
            let child = path.join(&name);
            // What is in a folder comes right behind it.
            let first = written.range(child.clone()..).next();
            if !first.is_some_and(|first| first.starts_with(&child)) {
                remove(&directory, &name)?;
            } else if file_type(&directory, &name)? == Some(FileType::Directory) {
                self.clear(&child, written)?;
            }
        }
        Ok(())
    }
}

/// What stood before an entry: its name and its link, where they are too long for its own header.
#[derive(Default)]
struct More {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl More {
    /// Whether `entry` only says more of the one that follows.
    fn take_up(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<bool> {
        let kind = entry.header().entry_type();
        let is_more = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if !is_more {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        if entry.take(EXTENSION_BYTES_MAX + 1).read_to_end(&mut bytes)? as u64 > EXTENSION_BYTES_MAX {
            return Err(UnpackError::Hostile("a name without end".to_owned()));
        }
        let text = || bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
        if kind.is_gnu_longname() {
            self.path = Some(text());
        } else if kind.is_gnu_longlink() {
            self.link = Some(text());
        } else if kind.is_pax_local_extensions() {
            for extension in PaxExtensions::new(&bytes) {
                let extension = extension?;
                match extension.key_bytes() {
                    b"path" => self.path = Some(extension.value_bytes().to_vec()),
                    b"linkpath" => self.link = Some(extension.value_bytes().to_vec()),
                    _ => {}
                }
            }
        }
        Ok(true)
    }
}

fn hostile(path: &Path, error: Errno) -> UnpackError {
    match error {
        Errno::NOTDIR | Errno::LOOP | Errno::EXIST | Errno::NAMETOOLONG => {
            UnpackError::Hostile(path.display().to_string())
        }
        error => error.into(),
    }
}

/// An entry's path, without what makes it absolute or is of no consequence.
fn inside(bytes: &[u8]) -> Result<PathBuf> {
    let path = Path::new(OsStr::from_bytes(bytes));
    let refused = || UnpackError::Hostile(path.display().to_string());
    if bytes.len() > PATH_BYTES_MAX || bytes.contains(&0) {
        return Err(refused());
    }
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(refused()),
        }
    }
    Ok(inside)
}

fn file_type(parent: &OwnedFd, name: &OsStr) -> Result<Option<FileType>> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn remove(parent: &OwnedFd, name: &OsStr) -> Result<()> {
    match file_type(parent, name)? {
        None => Ok(()),
        // It never follows a link, neither at its top nor below.
        Some(FileType::Directory) => Ok(fs::remove_dir_all(through(parent).join(name))?),
        Some(_) => Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?),
    }
}

/// Open to all, whatever the process' mask says.
fn make_directory(parent: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
    let mode = Mode::from_raw_mode(0o755);
    rustix::fs::mkdirat(parent, name, mode)?;
    rustix::fs::chmodat(parent, name, mode, AtFlags::empty())
}

fn create(parent: &OwnedFd, name: &OsStr) -> Result<File> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600))?.into())
}

/// A path to an open directory.
fn through(directory: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

fn permissions(mode: u32) -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

#[cfg(test)]
mod tests;
