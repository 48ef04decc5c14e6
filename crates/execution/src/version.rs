//! A function's version as its environments need it.

use std::collections::BTreeMap;
use std::path::PathBuf;
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
    /// Where the unpacked package lies on the host.
    pub code_dir: PathBuf,
    /// The execution role's ARN.
    pub role: String,
    pub log_group: String,
    pub logging: Logging,
    /// Unpacked layers on the host, merged at `/opt`; a later one wins.
    pub opt_dirs: Vec<PathBuf>,
}

impl Version {
    /// What tells this version's environments from all others.
    pub(crate) fn key(&self) -> VersionKey {
        VersionKey {
            function_arn: self.function_arn.clone(),
            version: self.version.clone(),
            generation: self.generation.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VersionKey {
    pub function_arn: String,
    pub version: String,
    pub generation: String,
}
