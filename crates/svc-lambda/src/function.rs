//! A function: its record, its states, and how it is shown.

use std::collections::BTreeMap;
use std::time::Duration;

use api_lambda as api;
use api_lambda::errors;
use aws_wire::Result;
use env::Timestamp;
use execution::{Interpreter, Runtimes, Substitution};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::logging;
use crate::name::{FunctionName, LATEST};

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
    #[serde(default)]
    pub log_format: logging::Format,
}

/// A package in the blob store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    /// Hexadecimal: the blob's name.
    pub sha256: String,
    /// As `CodeSha256` shows it.
    pub sha256_base64: String,
    pub size_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Pending,
    Active,
    Failed,
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
        self.state == State::Pending || self.last_update == Some(LastUpdate::InProgress)
    }

    /// What was wanted is live, or `failed` to be.
    pub(crate) fn settle(&mut self, prepared: bool, revision_id: String) {
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
        let state = match self.state {
            State::Active => return Ok(()),
            State::Pending => "Pending",
            State::Failed => "Failed",
        };
        Err(errors::resource_conflict_exception(format!(
            "The operation cannot be performed at this time. The function is currently in the following state: {state}"
        )))
    }

    /// # Errors
    /// 412 when the caller has seen another revision.
    pub(crate) fn check_revision(&self, expected: Option<&str>) -> Result<()> {
        match expected {
            Some(expected) if expected != self.revision_id => Err(errors::precondition_failed_exception(
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                 retrieve the latest Revision Id",
            )),
            _ => Ok(()),
        }
    }

    /// As the API shows it. `name` is how the caller named it: an explicit `$LATEST` stays in the ARN.
    pub(crate) fn configuration(
        &self,
        name: &FunctionName,
        runtimes: &Runtimes,
    ) -> api::FunctionConfiguration {
        let settings = &self.wanted;
        let region = self.arn.split(':').nth(3).unwrap_or_default();
        api::FunctionConfiguration {
            state: Some(match self.state {
                State::Pending => api::State::Pending,
                State::Active => api::State::Active,
                State::Failed => api::State::Failed,
            }),
            state_reason: self.reason(self.state == State::Pending, self.state == State::Failed),
            state_reason_code: match self.state {
                State::Pending => Some(api::StateReasonCode::Creating),
                State::Failed => Some(api::StateReasonCode::InvalidZipFileException),
                State::Active => None,
            },
            last_update_status: self.last_update.map(|status| match status {
                LastUpdate::InProgress => api::LastUpdateStatus::InProgress,
                LastUpdate::Successful => api::LastUpdateStatus::Successful,
                LastUpdate::Failed => api::LastUpdateStatus::Failed,
            }),
            last_update_status_reason: self.reason(
                self.last_update == Some(LastUpdate::InProgress),
                self.last_update == Some(LastUpdate::Failed),
            ),
            last_update_status_reason_code: match self.last_update {
                // AWS says "Creating" of an update too.
                Some(LastUpdate::InProgress) => Some("Creating".to_owned()),
                Some(LastUpdate::Failed) => Some("InvalidZipFileException".to_owned()),
                Some(LastUpdate::Successful) | None => None,
            },
            runtime_version_config: Some(runtime_version(&settings.runtime, region, runtimes)),
            function_arn: Some(name.qualified_arn()),
            ..self.listed()
        }
    }

    /// As ListFunctions shows it: without states.
    pub(crate) fn listed(&self) -> api::FunctionConfiguration {
        let settings = &self.wanted;
        api::FunctionConfiguration {
            function_name: Some(self.name.clone()),
            function_arn: Some(self.arn.clone()),
            runtime: Some(settings.runtime.clone()),
            role: Some(settings.role.clone()),
            handler: Some(settings.handler.clone()),
            code_size: i64::try_from(settings.code.size_bytes).ok(),
            description: Some(settings.description.clone()),
            timeout: i32::try_from(settings.timeout_s).ok(),
            memory_size: i32::try_from(settings.memory_mb).ok(),
            last_modified: Some(last_modified(Timestamp::from_micros(self.last_modified_us))),
            code_sha256: Some(settings.code.sha256_base64.clone()),
            version: Some(LATEST.to_owned()),
            environment: settings
                .variables
                .clone()
                .map(|variables| api::EnvironmentResponse { variables: Some(variables), error: None }),
            tracing_config: Some(api::TracingConfigResponse { mode: Some(api::TracingMode::PassThrough) }),
            revision_id: Some(self.revision_id.clone()),
            package_type: Some(api::PackageType::Zip),
            architectures: Some(settings.architecture.parse().into_iter().collect()),
            ephemeral_storage: i32::try_from(settings.ephemeral_mb)
                .ok()
                .map(|size| api::EphemeralStorage { size }),
            snap_start: Some(api::SnapStartResponse {
                apply_on: Some(api::SnapStartApplyOn::None),
                optimization_status: Some(api::SnapStartOptimizationStatus::Off),
            }),
            logging_config: Some(settings.log_format.shown(&settings.log_group)),
            ..api::FunctionConfiguration::default()
        }
    }

    fn reason(&self, creating: bool, failed: bool) -> Option<String> {
        // AWS says that the function is being created even while it is updated.
        creating
            .then(|| "The function is being created.".to_owned())
            .or_else(|| failed.then(|| "The package could not be prepared.".to_owned()))
    }
}

/// What runs a runtime here. When that is another release than asked for, `Error` says so.
fn runtime_version(runtime: &str, region: &str, runtimes: &Runtimes) -> api::RuntimeVersionConfig {
    let resolved = runtimes.resolve(runtime);
    let running = resolved.as_ref().map_or(runtime.to_owned(), |(interpreter, _)| interpreter.version_text());
    let error = match resolved {
        Ok((_, None)) => None,
        Ok((_, Some(substitution))) => Some(("RuntimeSubstituted", substitution.to_string())),
        Err(missing) => Some(("RuntimeMissing", missing.to_string())),
    };
    let hash = Sha256::digest(&running).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    api::RuntimeVersionConfig {
        runtime_version_arn: Some(format!("arn:aws:lambda:{region}::runtime:{hash}")),
        error: error.map(|(code, message)| api::RuntimeVersionError {
            error_code: Some(code.to_owned()),
            message: Some(message),
        }),
    }
}

/// `2026-11-23T10:11:12.345+0000`
fn last_modified(at: Timestamp) -> String {
    let moment =
        time::OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let seconds = moment.format(format).expect("every component exists");
    format!("{seconds}.{:03}+0000", at.as_millis().rem_euclid(1000))
}

impl Settings {
    /// What execution needs of it, apart from where its code lies.
    ///
    /// # Errors
    /// 502 `InvalidRuntimeException` naming what to install, when nothing here runs its runtime.
    pub(crate) fn interpreter(&self, runtimes: &Runtimes) -> Result<(Interpreter, Option<Substitution>)> {
        let resolved = runtimes.resolve(&self.runtime);
        resolved.map_err(|missing| errors::invalid_runtime_exception(missing.to_string()))
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
}
