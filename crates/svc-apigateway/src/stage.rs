//! A stage: a name below which a deployment is served, with variables and limits of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use api_apigateway as model;
use aws_wire::{AwsError, Result};
use env::{Env, Timestamp};
use execute_api::throttle::{Limit, Limits};
use serde::{Deserialize, Serialize};

use crate::patch::Patch;
use crate::refusal::bad_request;
use crate::resource::some;

/// The settings of every method that has none of its own.
const EVERY: &str = "*/*";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub format: u32,
    pub deployment: String,
    pub description: Option<String>,
    pub variables: BTreeMap<String, String>,
    /// By path and method, such as `~1pets/GET`, or `*/*`.
    pub limits: BTreeMap<String, Limits>,
    pub tags: BTreeMap<String, String>,
    pub created_us: i64,
    pub updated_us: i64,
    /// What some of the requests are served instead.
    #[serde(default)]
    pub canary: Option<Canary>,
}

/// A deployment that a share of a stage's requests is served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Canary {
    pub deployment: String,
    /// Of requests, 0 to 100.
    pub percent: f64,
    /// What it has instead of the stage's variables of these names.
    pub variables: BTreeMap<String, String>,
}

impl Canary {
    /// # Errors
    /// 400 for what can't be.
    pub(crate) fn check(self) -> Result<Self> {
        if !(0.0..=100.0).contains(&self.percent) {
            return Err(bad_request("Canary percentTraffic must be between 0.0 and 100.0"));
        }
        check_variables(&self.variables)?;
        Ok(self)
    }

    fn shown(&self) -> model::CanarySettings {
        model::CanarySettings {
            percent_traffic: Some(self.percent),
            deployment_id: Some(self.deployment.clone()),
            stage_variable_overrides: some(self.variables.clone()),
            use_stage_cache: Some(false),
        }
    }
}

impl Stage {
    /// The ids of what it serves.
    pub(crate) fn deployments(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.deployment).chain(self.canary.as_ref().map(|canary| &canary.deployment))
    }

    /// What a method may be asked.
    pub(crate) fn limit(&self, path: &str, method: &str) -> Option<Limit> {
        let own = self.limits.get(&format!("{path}/{method}"));
        own.or_else(|| self.limits.get(EVERY)).and_then(|limits| limits.limit())
    }

    pub(crate) fn shown(&self, name: &str) -> model::Stage {
        let settings = self.limits.iter().map(|(key, limits)| {
            let setting = model::MethodSetting {
                metrics_enabled: Some(false),
                logging_level: None,
                data_trace_enabled: Some(false),
                throttling_burst_limit: limits.burst,
                throttling_rate_limit: limits.rate,
                caching_enabled: Some(false),
                cache_ttl_in_seconds: None,
                cache_data_encrypted: None,
                require_authorization_for_cache_control: None,
                unauthorized_cache_control_header_strategy: None,
            };
            (key.trim_start_matches('/').to_owned(), setting)
        });
        model::Stage {
            deployment_id: Some(self.deployment.clone()),
            client_certificate_id: None,
            stage_name: Some(name.to_owned()),
            description: self.description.clone(),
            cache_cluster_enabled: Some(false),
            cache_cluster_size: None,
            cache_cluster_status: Some(model::CacheClusterStatus::NotAvailable),
            method_settings: Some(settings.collect()),
            variables: some(self.variables.clone()),
            documentation_version: None,
            access_log_settings: None,
            canary_settings: self.canary.as_ref().map(Canary::shown),
            tracing_enabled: Some(false),
            web_acl_arn: None,
            tags: some(self.tags.clone()),
            created_date: Some(Timestamp::from_secs(self.created_us / 1_000_000)),
            last_updated_date: Some(Timestamp::from_secs(self.updated_us / 1_000_000)),
        }
    }

    /// # Errors
    /// 400 for a path that a stage has not, 501 for one that is not honoured.
    pub(crate) fn patch(&mut self, patch: &Patch) -> Result<()> {
        match patch.segments()[..] {
            ["deploymentId"] => self.deployment = patch.text()?,
            ["description"] => self.description = patch.optional(),
            ["variables", name] => {
                patch.entry(&mut self.variables, name)?;
                check_variables(&self.variables)?;
            }
            ["canarySettings"] if patch.is_remove() => {
                self.canary.take().ok_or_else(|| patch.nothing())?;
            }
            ["canarySettings", "useStageCache"] if !patch.flag()? => {}
            ["canarySettings", "useStageCache"] => {
                return Err(AwsError::parameter_not_implemented(
                    "UpdateStage",
                    "canarySettings/useStageCache",
                ));
            }
            ["canarySettings", what] => self.patch_canary(patch, what)?,
            ["canarySettings", "stageVariableOverrides", name] => {
                let canary = self.canary.as_mut().ok_or_else(|| patch.invalid())?;
                patch.entry(&mut canary.variables, name)?;
                check_variables(&canary.variables)?;
            }
            [path, method, "throttling", what] => {
                let limits = self.limits.entry(format!("{path}/{method}")).or_default();
                match what {
                    "rateLimit" => limits.rate = Some(patch.number()?),
                    "burstLimit" => limits.burst = Some(patch.number()?),
                    _ => return Err(patch.invalid()),
                }
            }
            [path, method]
                if patch.is_remove() && self.limits.remove(&format!("{path}/{method}")).is_some() => {}
            // What is off anyway may be switched off.
            ["tracingEnabled" | "cacheClusterEnabled"] if !patch.flag()? => {}
            [_, _, "metrics", "enabled"] | [_, _, "caching", "enabled"] | [_, _, "logging", "dataTrace"]
                if !patch.flag()? => {}
            [_, _, "logging", "loglevel"] if patch.text()? == "OFF" => {}
            [
                "tracingEnabled"
                | "cacheClusterEnabled"
                | "cacheClusterSize"
                | "accessLogSettings"
                | "clientCertificateId"
                | "documentationVersion",
                ..,
            ]
            | [_, _, "metrics" | "caching" | "logging", _] => {
                return Err(AwsError::parameter_not_implemented("UpdateStage", &patch.segments().join("/")));
            }
            _ => return Err(patch.invalid()),
        }
        Ok(())
    }
}

impl Stage {
    /// A canary begins with its deployment, or with a share of the requests for the stage's own.
    fn patch_canary(&mut self, patch: &Patch, what: &str) -> Result<()> {
        let new = Canary { deployment: self.deployment.clone(), percent: 0.0, variables: BTreeMap::new() };
        let mut canary = self.canary.clone().unwrap_or(new);
        match what {
            "deploymentId" => canary.deployment = patch.text()?,
            "percentTraffic" => canary.percent = patch.number()?,
            _ => return Err(patch.invalid()),
        }
        self.canary = Some(canary.check()?);
        Ok(())
    }

    /// Makes a part of the canary the stage's own, as a promotion does.
    ///
    /// # Errors
    /// 400 for other paths, and without a canary.
    pub(crate) fn copy(&mut self, from: &str, to: &str) -> Result<()> {
        let invalid = || {
            bad_request(format!(
                "Invalid patch path  '{to}' specified for op 'copy'. Please choose supported operations"
            ))
        };
        let canary = self.canary.as_ref().ok_or_else(invalid)?;
        match (from, to) {
            ("/canarySettings/deploymentId", "/deploymentId") => {
                self.deployment.clone_from(&canary.deployment)
            }
            ("/canarySettings/stageVariableOverrides", "/variables") => {
                self.variables.extend(canary.variables.clone());
            }
            _ => return Err(invalid()),
        }
        Ok(())
    }

    /// Decides whether the canary serves a request; `None` without one. The stage is then as the canary has it.
    pub(crate) fn choose(stage: &mut Arc<Self>, env: &Env) -> Option<bool> {
        let canary = stage.canary.clone()?;
        let mut random = [0; 4];
        env.fill(&mut random);
        let share = f64::from(u32::from_le_bytes(random)) / (f64::from(u32::MAX) + 1.0) * 100.0;
        if share >= canary.percent {
            return Some(false);
        }
        let stage = Arc::make_mut(stage);
        stage.deployment = canary.deployment;
        stage.variables.extend(canary.variables);
        Some(true)
    }
}

/// # Errors
/// 400 for what can't be a stage's name.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
    if !name.is_empty() && name.len() <= 128 && name.bytes().all(fits) {
        return Ok(());
    }
    Err(bad_request("Stage name only allows a-zA-Z0-9_-"))
}

/// # Errors
/// 400 for names and values that stages do not take.
pub(crate) fn check_variables(variables: &BTreeMap<String, String>) -> Result<()> {
    let is_name = |name: &str| name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
    let is_value = |value: &str| {
        value.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&letter))
    };
    if variables.iter().any(|(name, value)| !is_name(name) || !is_value(value)) {
        return Err(bad_request(
            "Stage variable names and values may have alphanumeric characters, names '_' and values ' -._~:/?#&=,'",
        ));
    }
    Ok(())
}
