//! Whether a package may begin in a runtime that has imported what functions import.
//!
//! A module that is there already is never looked for again: a package that brings one of the same name must not get
//! such a runtime, wherever it keeps it.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::Version;

/// Modules of the standard library that `runtimes/python/lambent_preload.py` loads, on any release, beyond those that
/// never come from a package (`PRELOADED` in `bootstrap.py`).
const STANDARD: &str = "_bisect _blake2 _bz2 _compat_pickle _compression _contextvars _csv _datetime _decimal _elementtree \
    _hashlib _heapq _json _lzma _markupbase _multiprocessing _opcode _opcode_metadata _pickle _posixshmem \
    _posixsubprocess _queue _random _sha2 _sha512 _socket _ssl _struct _typing _uuid array binascii bz2 compression \
    concurrent configparser contextvars copy csv dataclasses email fcntl fnmatch getpass glob grp gzip hashlib hmac html \
    ipaddress locale lzma mimetypes mmap multiprocessing ntpath pathlib pickle platform pyexpat queue quopri runpy \
    secrets select shlex shutil ssl subprocess tempfile termios urllib uu uuid xml zipfile zlib";
/// What AWS's SDK is made of. A function may have them anywhere and name the folder to Python itself.
const SDK: [&str; 7] = ["boto3", "botocore", "s3transfer", "urllib3", "jmespath", "dateutil", "six"];
/// What the SDK looks for while it is imported, and does some things otherwise where it is there.
const LOOKED_FOR: [&str; 6] = ["OpenSSL", "awscrt", "backports", "brotli", "brotlicffi", "zstandard"];
/// A package with more files than this is taken for one that brings its own.
const ENTRIES_MAX: u32 = 50_000;
/// Sources are looked into up to so many bytes together.
const BYTES_MAX: u64 = 16 << 20;
/// What modules may be in.
const CODE: [&str; 5] = ["py", "pyc", "so", "zip", "egg"];
const WORDS: [&[u8]; 2] = [b"boto3", b"botocore"];

/// Whether `version` speaks of AWS's SDK, and has no module of its own where such a runtime has one.
pub(crate) fn is_for(version: &Version) -> bool {
    is_for_trees(&version.code_dir, &version.opt_dirs)
}

fn is_for_trees(code: &Path, layers: &[PathBuf]) -> bool {
    let of_layers = layers.iter().map(|layer| layer.join("python"));
    let mut tops = of_layers.flat_map(|python| releases(&python).chain([python])).chain([code.to_owned()]);
    if tops.any(|folder| has_standard(&folder)) {
        return false;
    }
    let mut package = Package { entries: ENTRIES_MAX, bytes: BYTES_MAX, uses_sdk: false };
    let mut trees = layers.iter().map(PathBuf::as_path).chain([code]);
    !trees.any(|tree| package.holds_sdk(tree)) && package.uses_sdk
}

/// Where a layer has packages for one release of Python each.
fn releases(python: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(python.join("lib")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().join("site-packages"))
}

fn has_standard(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_taken = |name: &OsStr| module(name).is_some_and(is_standard);
    entries.into_iter().any(|entry| is_taken(&entry.file_name()))
}

fn is_standard(module: &str) -> bool {
    STANDARD.split_whitespace().any(|name| name == module)
}

/// The module that a file or folder of this name would be: `six` of `six.py`, `_uuid` of `_uuid.cpython-311.so`.
fn module(name: &OsStr) -> Option<&str> {
    name.to_str()?.split('.').next()
}

/// What is seen of a package on the way through it.
struct Package {
    /// Files and folders, and bytes, that may still be looked at.
    entries: u32,
    bytes: u64,
    uses_sdk: bool,
}

impl Package {
    /// Whether the SDK, a part of it, or what it looks for is in a folder.
    fn holds_sdk(&mut self, folder: &Path) -> bool {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Some(left) = self.entries.checked_sub(1) else { return true };
            self.entries = left;
            let (name, path) = (entry.file_name(), entry.path());
            let Ok(kind) = entry.file_type() else { return true };
            let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
            let is_code = !kind.is_file() || CODE.contains(&extension);
            let is_sdk = |module| SDK.contains(&module) || LOOKED_FOR.contains(&module);
            if is_code && module(&name).is_some_and(is_sdk) {
                return true;
            }
            if kind.is_dir() && self.holds_sdk(&path) {
                return true;
            }
            if kind.is_file() && extension == "py" && !self.uses_sdk {
                self.uses_sdk = self.speaks_of_sdk(&path);
            }
        }
        false
    }

    fn speaks_of_sdk(&mut self, source: &Path) -> bool {
        let mut text = Vec::new();
        let read = fs::File::open(source).and_then(|file| file.take(self.bytes).read_to_end(&mut text));
        self.bytes -= read.unwrap_or(0) as u64;
        WORDS.iter().any(|word| text.windows(word.len()).any(|part| part == *word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_gain_that_use_the_sdk_and_bring_none() {
        let folder = std::env::temp_dir().join(format!("lambent-imported-{}", std::process::id()));
        let check = |files: &[(&str, &str)], layers: &[(&str, &str)], expected: bool| {
            let _ = fs::remove_dir_all(&folder);
            for (tree, files) in [("code", files), ("layer", layers)] {
                fs::create_dir_all(folder.join(tree)).expect("make a tree");
                for (name, text) in files {
                    let path = folder.join(tree).join(name);
                    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("make a folder");
                    fs::write(path, text).expect("write a file");
                }
            }
            let (code, layer) = (folder.join("code"), folder.join("layer"));
            let found = is_for_trees(&code, &[layer]);
            assert_eq!(found, expected, "{files:?} {layers:?}");
        };
        let app = ("app.py", "import boto3");
        check(&[app], &[], true);
        check(&[("app.py", "import json")], &[], false);
        check(&[("app.py", "import lib.x"), ("lib/x.py", "from botocore import session")], &[], true);
        check(&[app, ("boto3/__init__.py", "")], &[], false);
        check(&[app, ("vendor/deep/urllib3/__init__.py", "")], &[], false);
        check(&[app, ("six.py", "")], &[], false);
        check(&[app, ("awscrt/__init__.py", "")], &[], false);
        check(&[app, ("requests/__init__.py", ""), ("certifi/__init__.py", "")], &[], true);
        check(&[app, ("six.txt", "")], &[], true);
        check(&[app, ("queue.py", "")], &[], false);
        check(&[app, ("lib/queue.py", "")], &[], true);
        check(&[app, ("email/__init__.py", "")], &[], false);
        check(&[app, ("_uuid.cpython-311-x86_64-linux-gnu.so", "")], &[], false);
        check(&[app], &[("python/requests/__init__.py", "")], true);
        check(&[app], &[("python/urllib3/__init__.py", "")], false);
        check(&[app], &[("python/lib/python3.11/site-packages/queue.py", "")], false);
        check(&[("app.py", "import wrap")], &[("python/wrap.py", "import boto3")], true);
        fs::remove_dir_all(&folder).expect("remove the folder");
    }
}
