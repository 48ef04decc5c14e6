//! When a function's interpreter may become another release: whenever the host has a nearer one, when the function is
//! updated, or never.

use api_lambda as api;
use api_lambda::errors;
use aws_wire::Result;
use execution::{Interpreter, Runtimes, Substitution};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Of `$LATEST` or of one published version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RuntimeManagement {
    /// What is nearest to the runtime asked for, as the host has it when the platform starts.
    #[default]
    Auto,
    /// What was nearest when this was set or the function updated last, as long as the host has it.
    FunctionUpdate { hash: String },
    /// One release and no other.
    Manual { hash: String },
}

impl RuntimeManagement {
    /// # Errors
    /// 400 for a release that this host has not, and for one that is named where it does not count.
    pub(crate) fn of_input(
        input: &api::PutRuntimeManagementConfigInput,
        runtimes: &Runtimes,
        runtime: &str,
        region: &str,
    ) -> Result<Self> {
        let invalid = |message: String| Err(errors::invalid_parameter_value_exception(message));
        match (input.update_runtime_on, input.runtime_version_arn.as_deref()) {
            (api::UpdateRuntimeOn::Manual, Some(arn)) => {
                let hash = arn.rsplit(':').next().unwrap_or_default();
                if version_arn(region, hash) != arn || pinned(runtimes, runtime, hash).is_none() {
                    return invalid(format!("Runtime version {arn} is not available for runtime {runtime}."));
                }
                Ok(Self::Manual { hash: hash.to_owned() })
            }
            (api::UpdateRuntimeOn::Manual, None) => {
                invalid("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.".to_owned())
            }
            (_, Some(_)) => {
                invalid("RuntimeVersionArn is only supported when UpdateRuntimeOn is Manual.".to_owned())
            }
            (api::UpdateRuntimeOn::Auto, None) => Ok(Self::Auto),
            (api::UpdateRuntimeOn::FunctionUpdate, None) => Ok(Self::on_update(runtimes, runtime)),
        }
    }

    fn on_update(runtimes: &Runtimes, runtime: &str) -> Self {
        let running = runtimes.resolve(runtime).map(|(interpreter, _)| interpreter.version_text());
        Self::FunctionUpdate { hash: version_hash(&running.unwrap_or_default()) }
    }

    /// The function is updated and now of this runtime.
    pub(crate) fn refresh(&mut self, runtimes: &Runtimes, runtime: &str) {
        if matches!(self, Self::FunctionUpdate { .. }) {
            *self = Self::on_update(runtimes, runtime);
        }
    }

    pub(crate) fn update_runtime_on(&self) -> api::UpdateRuntimeOn {
        match self {
            Self::Auto => api::UpdateRuntimeOn::Auto,
            Self::FunctionUpdate { .. } => api::UpdateRuntimeOn::FunctionUpdate,
            Self::Manual { .. } => api::UpdateRuntimeOn::Manual,
        }
    }

    /// The release's ARN, where the caller chose one.
    pub(crate) fn runtime_version_arn(&self, region: &str) -> Option<String> {
        match self {
            Self::Manual { hash } => Some(version_arn(region, hash)),
            Self::Auto | Self::FunctionUpdate { .. } => None,
        }
    }

    /// What runs `runtime`.
    ///
    /// # Errors
    /// What to tell people, when nothing here does.
    pub(crate) fn resolve(
        &self,
        runtimes: &Runtimes,
        runtime: &str,
    ) -> Result<(Interpreter, Option<Substitution>), String> {
        let nearest = || runtimes.resolve(runtime).map_err(|missing| missing.to_string());
        match self {
            Self::Auto => nearest(),
            Self::FunctionUpdate { hash } => pinned(runtimes, runtime, hash).map_or_else(nearest, Ok),
            Self::Manual { hash } => pinned(runtimes, runtime, hash).ok_or_else(|| {
                format!(
                    "{runtime}: the release that RuntimeVersionArn pins is not on this host; install it or set \
                     UpdateRuntimeOn to Auto"
                )
            }),
        }
    }
}

fn pinned(runtimes: &Runtimes, runtime: &str, hash: &str) -> Option<(Interpreter, Option<Substitution>)> {
    runtimes.pinned(runtime, |interpreter| version_hash(&interpreter.version_text()) == hash)
}

/// What stands for a release in ARNs; `text` is what INIT_START says.
pub(crate) fn version_hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn version_arn(region: &str, hash: &str) -> String {
    format!("arn:aws:lambda:{region}::runtime:{hash}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use execution::{Hosted, Language};

    use super::*;

    fn host(releases: &[(u32, u32)]) -> Runtimes {
        let hosted = |release: &(u32, u32)| Hosted {
            language: Language::Python,
            release: *release,
            program: "/usr/bin/python3".into(),
            prefix: None,
            bootstrap: "/nowhere/python".into(),
            sdk: None,
        };
        Runtimes::of(Path::new("/runtimes"), releases.iter().map(hosted).collect())
    }

    #[test]
    fn hosts_change_and_functions_stay_as_far_as_they_are_to() {
        let pinned = version_hash("python:3.11");
        let check = |management: &RuntimeManagement, releases: &[(u32, u32)], expected: Option<&str>| {
            let found = management.resolve(&host(releases), "python3.13").ok();
            let found = found.map(|(interpreter, _)| interpreter.version_text());
            assert_eq!(found.as_deref(), expected, "{management:?} {releases:?}");
        };
        let manual = RuntimeManagement::Manual { hash: pinned.clone() };
        let on_update = RuntimeManagement::FunctionUpdate { hash: pinned };
        for (releases, auto, updated, by_hand) in [
            (&[(3, 11)][..], "python:3.11", "python:3.11", Some("python:3.11")),
            (&[(3, 11), (3, 13)], "python:3.13", "python:3.11", Some("python:3.11")),
            (&[(3, 12)], "python:3.12", "python:3.12", None),
        ] {
            check(&RuntimeManagement::Auto, releases, Some(auto));
            check(&on_update, releases, Some(updated));
            check(&manual, releases, by_hand);
        }
        let mut refreshed = on_update;
        refreshed.refresh(&host(&[(3, 11), (3, 13)]), "python3.13");
        check(&refreshed, &[(3, 11), (3, 13)], Some("python:3.13"));
    }
}
