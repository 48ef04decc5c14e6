//! Several layers as one directory, without mounts: links to the files of each, the last layer's on top.

use std::fs;
use std::io::{Error, Result};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// More entries than any function's layers may unpack to.
const ENTRIES_MAX: usize = 1_000_000;

/// Makes `target`, in which all of `layers` are seen.
pub(crate) fn merge(layers: &[PathBuf], target: &Path) -> Result<()> {
    let mut left = ENTRIES_MAX;
    fs::create_dir_all(target)?;
    layers.iter().try_for_each(|layer| merge_one(layer, target, &mut left))
}

fn merge_one(layer: &Path, target: &Path, left: &mut usize) -> Result<()> {
    for entry in fs::read_dir(layer)? {
        let entry = entry?;
        *left = left.checked_sub(1).ok_or_else(|| Error::other("the layers have too many files"))?;
        let at = target.join(entry.file_name());
        let covered = fs::symlink_metadata(&at).ok();
        if entry.file_type()?.is_dir() {
            if covered.is_some_and(|covered| !covered.is_dir()) {
                fs::remove_file(&at)?;
            }
            fs::create_dir_all(&at)?;
            merge_one(&entry.path(), &at, left)?;
            continue;
        }
        match covered {
            Some(covered) if covered.is_dir() => fs::remove_dir_all(&at)?,
            Some(_) => fs::remove_file(&at)?,
            None => {}
        }
        // Of a link its own target: it leads somewhere from here, not from the layer.
        match entry.file_type()?.is_symlink() {
            true => symlink(fs::read_link(entry.path())?, &at)?,
            false => symlink(entry.path(), &at)?,
        }
    }
    Ok(())
}
