//! A stage: a name below which a deployment is served, with variables and limits of its own.

use std::collections::BTreeMap;

use api_apigatewayv2 as model;
use api_apigatewayv2::ProtocolType;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use execute_api::throttle::{Limit, Limits};
use serde::{Deserialize, Serialize};

use crate::refusal::bad_request;
use crate::route::DEFAULT;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stage {
    pub format: u32,
    pub description: Option<String>,
    /// What it serves, if anything was deployed.
    pub deployment: Option<String>,
    /// Whether every change is deployed at once.
    pub auto_deploy: bool,
    pub variables: BTreeMap<String, String>,
    /// Of every route that has none of its own.
    pub limits: Limits,
    /// By route key.
    pub route_limits: BTreeMap<String, Limits>,
    pub tags: BTreeMap<String, String>,
    /// Whether quick create made it.
    pub managed: bool,
    pub created_us: i64,
    pub updated_us: i64,
}

/// A stage's or route's limits of what was given.
///
/// # Errors
/// 400 for what the protocol has not, 501 for what is not honoured.
pub(crate) fn check_limits(
    settings: &model::RouteSettings,
    protocol: ProtocolType,
    operation: &str,
) -> Result<Limits> {
    if settings.data_trace_enabled == Some(true)
        || settings.logging_level.is_some_and(|level| level != model::LoggingLevel::Off)
    {
        if protocol == ProtocolType::Websocket {
            return Err(AwsError::parameter_not_implemented(operation, "LoggingLevel"));
        }
        return Err(bad_request("Execution logs are not supported on protocolType HTTP"));
    }
    if settings.detailed_metrics_enabled == Some(true) {
        return Err(AwsError::parameter_not_implemented(operation, "DetailedMetricsEnabled"));
    }
    Ok(Limits { rate: settings.throttling_rate_limit, burst: settings.throttling_burst_limit })
}

fn shown_limits(limits: Limits) -> model::RouteSettings {
    model::RouteSettings {
        data_trace_enabled: None,
        detailed_metrics_enabled: Some(false),
        logging_level: None,
        throttling_burst_limit: limits.burst,
        throttling_rate_limit: limits.rate,
    }
}

impl Stage {
    /// What a route may be asked.
    pub(crate) fn limit(&self, route_key: &str) -> Option<Limit> {
        self.route_limits.get(route_key).and_then(|limits| limits.limit()).or_else(|| self.limits.limit())
    }

    pub(crate) fn shown(&self, name: &str) -> model::Stage {
        let status = self.auto_deploy.then(|| {
            let id = self.deployment.as_deref().unwrap_or_default();
            format!("Successfully deployed stage with deployment ID '{id}'")
        });
        let limits = self.route_limits.iter().map(|(key, limits)| (key.clone(), shown_limits(*limits)));
        model::Stage {
            access_log_settings: None,
            api_gateway_managed: self.managed.then_some(true),
            auto_deploy: self.auto_deploy.then_some(true),
            client_certificate_id: None,
            created_date: Some(Timestamp::from_secs(self.created_us / 1_000_000)),
            default_route_settings: Some(shown_limits(self.limits)),
            deployment_id: self.deployment.clone(),
            description: self.description.clone(),
            last_deployment_status_message: status.filter(|_| self.deployment.is_some()),
            last_updated_date: Some(Timestamp::from_secs(self.updated_us / 1_000_000)),
            route_settings: Some(limits.collect()),
            stage_name: name.to_owned(),
            stage_variables: Some(self.variables.clone()),
            tags: Some(self.tags.clone()),
        }
    }
}

/// # Errors
/// 400 for what can't be a stage's name.
pub(crate) fn check_name(name: &str, protocol: ProtocolType) -> Result<()> {
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
    if protocol == ProtocolType::Websocket && !name.bytes().all(fits) {
        return Err(bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    if name == DEFAULT || name.bytes().all(fits) {
        return Ok(());
    }
    Err(bad_request("Stage name only allows a-zA-Z0-9_- or $default"))
}

/// # Errors
/// 400 where every change would be deployed at once and the protocol does not do that.
pub(crate) fn check_auto_deploy(auto_deploy: Option<bool>, protocol: ProtocolType) -> Result<()> {
    if auto_deploy == Some(true) && protocol == ProtocolType::Websocket {
        return Err(bad_request("AutoDeploy is not supported on protocolType WEBSOCKET"));
    }
    Ok(())
}

/// # Errors
/// 400 for names and values that stages do not take.
pub(crate) fn check_variables(variables: &BTreeMap<String, String>) -> Result<()> {
    let is_name = |name: &str| name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
    let is_value = |value: &str| {
        value.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"-._~:/?#&=,".contains(&letter))
    };
    if let Some((name, _)) = variables.iter().find(|(name, _)| !is_name(name)) {
        return Err(bad_request(format!(
            "Stage variable name {name} is invalid: only alphanumeric characters and '_'"
        )));
    }
    if let Some((name, _)) = variables.iter().find(|(_, value)| value.len() > 2048 || !is_value(value)) {
        return Err(bad_request(format!(
            "Stage variable {name} value is invalid. Please use values with alphanumeric characters and the symbols \
             ' -._~:/?#&=,'"
        )));
    }
    Ok(())
}
