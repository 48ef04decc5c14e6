//! A function: its record, its states, and how it is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use api_lambda::errors;
use aws_wire::Result;
use env::Timestamp;
use execution::{Interpreter, Runtimes, Substitution};
use serde::{Deserialize, Serialize};

use crate::attached::Attached;
use crate::image_code::ImageCode;
use crate::logging;
use crate::runtime_management::RuntimeManagement;

/// A function as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Function {
    /// Of this layout; readers of a later one still read it.
    pub format: u32,
    pub arn: String,
    pub name: String,
    /// What was last asked for, and what reads show.
    pub wanted: Settings,
    /// What invocations run; absent until the function is first active.
    pub live: Option<Settings>,
    pub state: State,
    /// Absent until the function was active for the first time.
    pub last_update: Option<LastUpdate>,
    pub revision_id: String,
    /// Microseconds since the epoch.
    pub last_modified_us: i64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The number of the version that was published last, 0 before the first.
    #[serde(default)]
    pub last_version: u64,
    /// Versions that were published but are not settled yet.
    #[serde(default)]
    pub settling_versions: Vec<u64>,
    #[serde(default)]
    pub runtime_management: RuntimeManagement,
}

/// This layout's number.
pub(crate) const FORMAT: u32 = 1;

/// Code and configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub code: Code,
    pub runtime: String,
    pub handler: String,
    pub role: String,
    pub description: String,
    pub timeout_s: u32,
    pub memory_mb: u32,
    pub ephemeral_mb: u32,
    /// Absent when it was never set: reads then leave it out.
    pub variables: Option<BTreeMap<String, String>>,
    pub architecture: String,
    pub log_group: String,
    /// Whether published versions start from snapshots.
    #[serde(default)]
    pub snap_start: bool,
    #[serde(default)]
    pub log_format: logging::Format,
    /// Where events go that the function failed: a queue or a topic.
    #[serde(default)]
    pub dead_letter_arn: Option<String>,
    /// Whether its own invocations are sampled for X-Ray.
    #[serde(default)]
    pub tracing_active: bool,
    /// In the order in which they cover each other, the last on top.
    #[serde(default)]
    pub layers: Vec<Attached>,
    /// Of a function with `PackageType` Image, which has neither runtime nor handler nor layers.
    #[serde(default)]
    pub image: Option<ImageCode>,
}

/// A package in the blob store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    /// Hexadecimal: the blob's name.
    pub sha256: String,
    /// As `CodeSha256` shows it; of an image that is the digest in hexadecimal.
    pub sha256_base64: String,
    pub size_bytes: u64,
    /// What it unpacks to; 0 of packages stored before it was counted.
    #[serde(default)]
    pub unzipped_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Pending,
    Active,
    Failed,
}

impl State {
    /// # Errors
    /// 409 while there is nothing to run.
    pub(crate) fn check_invocable(self) -> Result<()> {
        let state = match self {
            Self::Active => return Ok(()),
            Self::Pending => "Pending",
            Self::Failed => "Failed",
        };
        Err(errors::resource_conflict_exception(format!(
            "The operation cannot be performed at this time. The function is currently in the following state: {state}"
        )))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LastUpdate {
    InProgress,
    Successful,
    Failed,
}

impl Function {
    /// A change of code or configuration was stored; it is not live yet.
    pub(crate) fn touch(&mut self, revision_id: &str, now: Timestamp) {
        revision_id.clone_into(&mut self.revision_id);
        self.last_modified_us = now.as_micros();
        self.last_update = Some(LastUpdate::InProgress);
    }

    /// Whether something is to be made live.
    pub(crate) fn is_settling(&self) -> bool {
        self.state == State::Pending
            || self.last_update == Some(LastUpdate::InProgress)
            || !self.settling_versions.is_empty()
    }

    /// What was wanted is live, or `failed` to be.
    pub(crate) fn settle(&mut self, prepared: bool, revision_id: String) {
        if self.state == State::Active && self.last_update != Some(LastUpdate::InProgress) {
            // Only versions of it were to be settled.
            return;
        }
        self.revision_id = revision_id;
        if prepared {
            self.live = Some(self.wanted.clone());
            self.state = State::Active;
            self.last_update = Some(LastUpdate::Successful);
        } else if self.live.is_none() {
            self.state = State::Failed;
            self.last_update = Some(LastUpdate::Failed);
        } else {
            self.last_update = Some(LastUpdate::Failed);
        }
    }

    /// # Errors
    /// 409 while the function is being created or updated.
    pub(crate) fn check_settled(&self) -> Result<()> {
        self.check_invocable()?;
        self.check_not_updating()
    }

    /// # Errors
    /// 409 while the function is being updated.
    pub(crate) fn check_not_updating(&self) -> Result<()> {
        if self.last_update == Some(LastUpdate::InProgress) {
            return Err(errors::resource_conflict_exception(format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {}",
                self.arn
            )));
        }
        Ok(())
    }

    /// # Errors
    /// 409 while there is nothing to run.
    pub(crate) fn check_invocable(&self) -> Result<()> {
        self.state.check_invocable()
    }

    /// # Errors
    /// 412 when the caller has seen another revision.
    pub(crate) fn check_revision(&self, expected: Option<&str>) -> Result<()> {
        check_revision(&self.revision_id, expected)
    }
}

/// # Errors
/// 412 when the caller expects another revision of a function or an alias.
pub(crate) fn check_revision(current: &str, expected: Option<&str>) -> Result<()> {
    match expected {
        Some(expected) if expected != current => Err(errors::precondition_failed_exception(
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
             retrieve the latest Revision Id",
        )),
        _ => Ok(()),
    }
}

impl Settings {
    /// What execution needs of it, apart from where its code lies.
    ///
    /// # Errors
    /// 502 `InvalidRuntimeException` naming what to install, when nothing here runs its runtime.
    pub(crate) fn interpreter(
        &self,
        runtimes: &Runtimes,
        management: &RuntimeManagement,
    ) -> Result<(Interpreter, Option<Substitution>)> {
        let resolved = management.resolve(runtimes, &self.runtime);
        resolved.map_err(errors::invalid_runtime_exception)
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_stored_before_there_were_formats_are_text() {
        let stored = r#"{"code":{"sha256":"00","sha256_base64":"AA==","size_bytes":1},"runtime":"python3.13",
            "handler":"h","role":"r","description":"","timeout_s":3,"memory_mb":128,"ephemeral_mb":512,
            "variables":null,"architecture":"x86_64","log_group":"/aws/lambda/f"}"#;
        let settings = serde_json::from_str::<Settings>(stored).expect("still readable");
        assert_eq!(settings.log_format, logging::Format::Text);
    }

    /// Records outlive releases: these settings are from before layers, images, and the size of what is unpacked.
    #[test]
    fn old_settings_are_read() {
        let text = r#"{"code":{"sha256":"ab","sha256_base64":"qw==","size_bytes":9},"runtime":"python3.13",
            "handler":"app.handler","role":"arn:aws:iam::000000000000:role/r","description":"","timeout_s":3,
            "memory_mb":128,"ephemeral_mb":512,"variables":null,"architecture":"x86_64","log_group":"/aws/lambda/f"}"#;
        let settings = serde_json::from_str::<Settings>(text).expect("the first layout");
        assert_eq!((settings.layers.len(), settings.image, settings.code.unzipped_bytes), (0, None, 0));
    }
}
