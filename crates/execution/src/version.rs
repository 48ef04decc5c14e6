//! A function's version as its environments need it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::{Interpreter, Logging, Substitution};

/// Everything that all environments of one version of one function have in common. Never changes: new code or
/// configuration makes a new value with a higher `generation`.
#[derive(Clone, Debug)]
pub struct Version {
    pub account: Arc<str>,
    pub region: Arc<str>,
    pub function_name: String,
    /// `arn:aws:lambda:…:function:NAME`, unqualified.
    pub function_arn: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// Tells one state of code and configuration from the next.
    pub generation: String,
    pub handler: String,
    /// The identifier asked for, such as `python3.13`.
    pub runtime: String,
    pub interpreter: Interpreter,
    /// Set when another release of the language runs than `runtime` names.
    pub substitution: Option<Substitution>,
    pub memory_mb: u32,
    pub ephemeral_mb: u32,
    pub timeout: Duration,
    /// The user's own variables.
    pub variables: BTreeMap<String, String>,
    /// Where the unpacked package lies on the host; of no use to a function with an image.
    pub code_dir: PathBuf,
    /// Where its unpacked layers lie, the last on top.
    pub opt_dirs: Vec<PathBuf>,
    /// The execution role's ARN.
    pub role: String,
    pub log_group: String,
    pub logging: Logging,
    /// Whether environments start from a snapshot taken after INIT.
    pub snap_start: bool,
}

impl Version {
    /// Where a custom runtime's bootstrap is, as a path inside the sandbox: the package's own before a layer's.
    pub(crate) fn bootstrap(&self) -> Option<&'static Path> {
        let Interpreter::Custom { .. } = self.interpreter else { return None };
        if is_executable(&self.code_dir.join("bootstrap")) {
            return Some(Path::new("/var/task/bootstrap"));
        }
        // What a later layer covers does not count, executable or not.
        let in_layers = self.opt_dirs.iter().rev().map(|dir| dir.join("bootstrap"));
        let on_top = in_layers.into_iter().find(|path| path.symlink_metadata().is_ok())?;
        is_executable(&on_top).then_some(Path::new("/opt/bootstrap"))
    }

    /// What tells this version's environments from all others.
    pub(crate) fn key(&self) -> VersionKey {
        VersionKey {
            function_arn: self.function_arn.clone(),
            version: self.version.clone(),
            generation: self.generation.clone(),
        }
    }
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VersionKey {
    pub function_arn: String,
    pub version: String,
    pub generation: String,
}
