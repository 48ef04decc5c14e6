//! What reads show of a function or of one of its versions.

use api_lambda as api;
use env::Timestamp;
use execution::{Interpreter, Runtimes};

use crate::attached::Attached;
use crate::function::{Function, LastUpdate, Settings, State};
use crate::name::{FunctionName, LATEST};
use crate::published::Published;
use crate::runtime_management::{RuntimeManagement, version_arn, version_hash};
use crate::snap_start;

/// One version of a function, `$LATEST` or a published one.
pub(crate) struct Shown<'a> {
    function: &'a Function,
    settings: &'a Settings,
    published: Option<&'a Published>,
    /// `$LATEST` or a number.
    version: String,
    description: &'a str,
    state: State,
    last_update: Option<LastUpdate>,
    revision_id: &'a str,
    last_modified_us: i64,
    runtime_management: &'a RuntimeManagement,
}

impl<'a> From<&'a Function> for Shown<'a> {
    fn from(function: &'a Function) -> Self {
        Self {
            function,
            settings: &function.wanted,
            published: None,
            version: LATEST.to_owned(),
            description: &function.wanted.description,
            state: function.state,
            last_update: function.last_update,
            revision_id: &function.revision_id,
            last_modified_us: function.last_modified_us,
            runtime_management: &function.runtime_management,
        }
    }
}

impl<'a> Shown<'a> {
    /// A published version, settled as far as it is.
    pub(crate) fn published(function: &'a Function, published: &'a Published) -> Self {
        Self {
            function,
            settings: &published.settings,
            published: Some(published),
            version: published.number.to_string(),
            description: published.description(),
            state: published.state,
            last_update: match published.state {
                State::Pending => None,
                State::Active => Some(LastUpdate::Successful),
                State::Failed => Some(LastUpdate::Failed),
            },
            revision_id: &published.revision_id,
            last_modified_us: published.last_modified_us,
            runtime_management: &published.runtime_management,
        }
    }

    /// The answer to a change that also published: the version's, but with the function's own states.
    pub(crate) fn publishing(function: &'a Function, published: &'a Published) -> Self {
        Self {
            state: function.state,
            last_update: function.last_update,
            ..Self::published(function, published)
        }
    }

    /// As most operations show it. `name` is how the caller named it: an explicit `$LATEST` or alias stays in the
    /// ARN.
    pub(crate) fn configuration(
        &self,
        name: &FunctionName,
        runtimes: &Runtimes,
    ) -> api::FunctionConfiguration {
        let region = self.function.arn.split(':').nth(3).unwrap_or_default();
        let (state, last_update) = (self.state, self.last_update);
        let is_zip = self.settings.image.is_none();
        let failed = self.published.and_then(|published| published.failed.as_ref());
        api::FunctionConfiguration {
            state: Some(match state {
                State::Pending => api::State::Pending,
                State::Active => api::State::Active,
                State::Failed => api::State::Failed,
            }),
            state_reason: failed
                .map(|failed| failed.reason.clone())
                .or_else(|| reason(state == State::Pending, state == State::Failed)),
            state_reason_code: match (state, failed) {
                (State::Pending, _) => Some(api::StateReasonCode::Creating),
                (State::Failed, Some(failed)) => failed.code.parse().ok(),
                (State::Failed, None) if !is_zip => Some(api::StateReasonCode::InvalidImage),
                (State::Failed, None) => Some(api::StateReasonCode::InvalidZipFileException),
                (State::Active, _) => None,
            },
            last_update_status: last_update.map(|status| match status {
                LastUpdate::InProgress => api::LastUpdateStatus::InProgress,
                LastUpdate::Successful => api::LastUpdateStatus::Successful,
                LastUpdate::Failed => api::LastUpdateStatus::Failed,
            }),
            last_update_status_reason: failed.map(|failed| failed.reason.clone()).or_else(|| {
                reason(last_update == Some(LastUpdate::InProgress), last_update == Some(LastUpdate::Failed))
            }),
            last_update_status_reason_code: match last_update {
                // AWS says "Creating" of an update too.
                Some(LastUpdate::InProgress) => Some("Creating".to_owned()),
                Some(LastUpdate::Failed) => Some(match failed {
                    Some(failed) => failed.code.clone(),
                    None if is_zip => "InvalidZipFileException".to_owned(),
                    None => "InvalidImage".to_owned(),
                }),
                Some(LastUpdate::Successful) | None => None,
            },
            runtime_version_config: is_zip.then(|| self.runtime_version(region, runtimes)),
            function_arn: Some(name.qualified_arn()),
            ..self.listed()
        }
    }

    /// What runs its runtime here. When that is another release than asked for, `Error` says so.
    fn runtime_version(&self, region: &str, runtimes: &Runtimes) -> api::RuntimeVersionConfig {
        let runtime = &self.settings.runtime;
        let resolved = match runtimes.image_of(runtime) {
            Some(_) => Ok((Interpreter::Custom { runtime: runtime.clone() }, None)),
            None => self.runtime_management.resolve(runtimes, runtime),
        };
        let running =
            resolved.as_ref().map_or_else(|_| runtime.clone(), |(interpreter, _)| interpreter.version_text());
        let error = match resolved {
            Ok((_, None)) => None,
            Ok((_, Some(substitution))) => Some(("RuntimeSubstituted", substitution.to_string())),
            Err(missing) => Some(("RuntimeMissing", missing)),
        };
        api::RuntimeVersionConfig {
            runtime_version_arn: Some(version_arn(region, &version_hash(&running))),
            error: error.map(|(code, message)| api::RuntimeVersionError {
                error_code: Some(code.to_owned()),
                message: Some(message),
            }),
        }
    }

    /// As lists show it: without states; a published version's ARN has its number.
    pub(crate) fn listed(&self) -> api::FunctionConfiguration {
        let settings = self.settings;
        let is_zip = settings.image.is_none();
        let arn = &self.function.arn;
        api::FunctionConfiguration {
            function_name: Some(self.function.name.clone()),
            function_arn: Some(match self.version.as_str() {
                LATEST => arn.clone(),
                number => format!("{arn}:{number}"),
            }),
            runtime: is_zip.then(|| settings.runtime.clone()),
            role: Some(settings.role.clone()),
            handler: is_zip.then(|| settings.handler.clone()),
            code_size: i64::try_from(settings.code.size_bytes).ok(),
            description: Some(self.description.to_owned()),
            timeout: i32::try_from(settings.timeout_s).ok(),
            memory_size: i32::try_from(settings.memory_mb).ok(),
            last_modified: Some(last_modified(Timestamp::from_micros(self.last_modified_us))),
            code_sha256: Some(settings.code.sha256_base64.clone()),
            version: Some(self.version.clone()),
            environment: settings
                .variables
                .clone()
                .map(|variables| api::EnvironmentResponse { variables: Some(variables), error: None }),
            dead_letter_config: settings
                .dead_letter_arn
                .clone()
                .map(|arn| api::DeadLetterConfig { target_arn: Some(arn) }),
            tracing_config: Some(api::TracingConfigResponse {
                mode: Some(if settings.tracing_active {
                    api::TracingMode::Active
                } else {
                    api::TracingMode::PassThrough
                }),
            }),
            revision_id: Some(self.revision_id.to_owned()),
            package_type: Some(if is_zip { api::PackageType::Zip } else { api::PackageType::Image }),
            image_config_response: settings.image.as_ref().and_then(|image| image.overrides.shown()),
            architectures: Some(settings.architecture.parse().into_iter().collect()),
            ephemeral_storage: i32::try_from(settings.ephemeral_mb)
                .ok()
                .map(|size| api::EphemeralStorage { size }),
            snap_start: Some(snap_start::shown(settings, self.published)),
            logging_config: Some(settings.log_format.shown(&settings.log_group)),
            layers: Some(settings.layers.iter().map(Attached::shown).collect::<Vec<_>>())
                .filter(|layers| !layers.is_empty()),
            ..api::FunctionConfiguration::default()
        }
    }
}

fn reason(creating: bool, failed: bool) -> Option<String> {
    // AWS says that the function is being created even while it is updated.
    creating
        .then(|| "The function is being created.".to_owned())
        .or_else(|| failed.then(|| "The package could not be prepared.".to_owned()))
}

/// `2026-11-23T10:11:12.345+0000`, as Lambda shows most times.
pub(crate) fn last_modified(at: Timestamp) -> String {
    let moment =
        time::OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let seconds = moment.format(format).expect("every component exists");
    format!("{seconds}.{:03}+0000", at.as_millis().rem_euclid(1000))
}
