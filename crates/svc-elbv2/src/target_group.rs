//! A target group: its record, the function that is registered, and who forwards to it.

use std::collections::BTreeSet;
use std::time::Duration;

use api_elbv2::{Matcher, ProtocolEnum, TargetTypeEnum};
use aws_wire::{AwsError, Result};
use http_event::load_balancer::Values;
use kv::{Read, Span};
use serde::{Deserialize, Serialize};
use service::Caller;

use crate::arn::{self, Named};
use crate::attributes::{self, Attributes, MULTI_VALUE_HEADERS};
use crate::keys::{LISTENERS, LOAD_BALANCERS, NameKey, TARGET_GROUPS};
use crate::refusal::{invalid, no_target_group};
use crate::server::Servers;
use crate::tags::Tags;
use crate::{Ctx, keys};

const PATH_LENGTH_MAX: usize = 1024;
/// Where a server is asked how it is, if that is where it gets requests.
const TRAFFIC_PORT: &str = "traffic-port";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TargetGroup {
    /// Of its ARN.
    pub id: String,
    pub health_check: HealthCheck,
    /// The ARN of a function, a version or an alias.
    pub target: Option<String>,
    /// Of a group whose targets are addresses.
    #[serde(default)]
    pub servers: Option<Servers>,
    #[serde(default)]
    pub attributes: Attributes,
    #[serde(default)]
    pub tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HealthCheck {
    pub enabled: bool,
    pub path: String,
    pub interval_s: u32,
    pub timeout_s: u32,
    /// Checks in a row that make an unhealthy target healthy.
    pub healthy: u32,
    /// And a healthy one unhealthy.
    pub unhealthy: u32,
    /// Such as `200,300-399`.
    pub matcher: String,
}

impl Default for HealthCheck {
    /// What AWS sets for functions.
    fn default() -> Self {
        Self {
            enabled: false,
            path: "/".to_owned(),
            interval_s: 35,
            timeout_s: 30,
            healthy: 5,
            unhealthy: 2,
            matcher: "200".to_owned(),
        }
    }
}

impl HealthCheck {
    /// What AWS sets for addresses.
    pub(crate) fn of_servers() -> Self {
        Self { enabled: true, interval_s: 30, timeout_s: 5, ..Self::default() }
    }
}

/// What a request says of health checks.
#[derive(Default)]
pub(crate) struct Asked {
    pub enabled: Option<bool>,
    pub path: Option<String>,
    pub interval_s: Option<i32>,
    pub timeout_s: Option<i32>,
    pub healthy: Option<i32>,
    pub unhealthy: Option<i32>,
    pub matcher: Option<Matcher>,
    /// Which functions have not.
    pub has_protocol_or_port: bool,
    pub is_function: bool,
}

impl HealthCheck {
    /// # Errors
    /// 400 for what makes no sense; the model has checked each number.
    pub(crate) fn change(&mut self, asked: Asked) -> Result<()> {
        if asked.is_function && asked.has_protocol_or_port {
            return Err(invalid(
                "Health check protocol and port cannot be specified for target groups with target type 'lambda'",
            ));
        }
        let number = |given: Option<i32>, own: u32| given.map_or(own, |given| given.unsigned_abs());
        self.enabled = asked.enabled.unwrap_or(self.enabled);
        self.interval_s = number(asked.interval_s, self.interval_s);
        self.timeout_s = number(asked.timeout_s, self.timeout_s);
        self.healthy = number(asked.healthy, self.healthy);
        self.unhealthy = number(asked.unhealthy, self.unhealthy);
        if let Some(path) = asked.path {
            if !path.starts_with('/') || path.len() > PATH_LENGTH_MAX {
                return Err(invalid(format!("Health check path '{path}' must begin with a '/' character")));
            }
            self.path = path;
        }
        if let Some(matcher) = asked.matcher {
            let codes = matcher.http_code.filter(|codes| ranges(codes).is_some());
            self.matcher =
                codes.ok_or_else(|| invalid("Health check matcher HTTP code must be within '200-499'"))?;
        }
        if self.timeout_s >= self.interval_s {
            return Err(invalid("Health check interval must be greater than the timeout."));
        }
        Ok(())
    }

    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_s.into())
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.into())
    }

    pub(crate) fn fits(&self, status: u16) -> bool {
        ranges(&self.matcher)
            .is_some_and(|ranges| ranges.iter().any(|(from, to)| (*from..=*to).contains(&status)))
    }
}

/// `200,300-399` as what it means.
fn ranges(text: &str) -> Option<Vec<(u16, u16)>> {
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        (200 <= from && from <= to && to <= 499).then_some((from, to))
    };
    text.split(',').map(range).collect()
}

impl TargetGroup {
    pub(crate) fn values(&self) -> Values {
        if attributes::flag(&self.attributes, MULTI_VALUE_HEADERS, false) {
            Values::All
        } else {
            Values::Last
        }
    }

    pub(crate) fn show(&self, key: &NameKey, users: BTreeSet<String>) -> api_elbv2::TargetGroup {
        let check = &self.health_check;
        let number = |number: u32| i32::try_from(number).ok();
        api_elbv2::TargetGroup {
            target_group_arn: Some(arn::target_group(key, &self.id)),
            target_group_name: Some(key.2.clone()),
            protocol: self.servers.is_some().then_some(ProtocolEnum::Http),
            port: self.servers.as_ref().map(|servers| servers.port.into()),
            vpc_id: self.servers.as_ref().map(|servers| servers.vpc.clone()),
            health_check_protocol: self.servers.is_some().then_some(ProtocolEnum::Http),
            health_check_port: self.servers.as_ref().map(|servers| {
                servers.check_port.map_or_else(|| TRAFFIC_PORT.to_owned(), |port| port.to_string())
            }),
            health_check_enabled: Some(check.enabled),
            health_check_interval_seconds: number(check.interval_s),
            health_check_timeout_seconds: number(check.timeout_s),
            healthy_threshold_count: number(check.healthy),
            unhealthy_threshold_count: number(check.unhealthy),
            health_check_path: Some(check.path.clone()),
            matcher: Some(Matcher { http_code: Some(check.matcher.clone()), grpc_code: None }),
            load_balancer_arns: Some(users.into_iter().collect()),
            target_type: Some(if self.servers.is_some() {
                TargetTypeEnum::Ip
            } else {
                TargetTypeEnum::Lambda
            }),
            protocol_version: self.servers.is_some().then(|| "HTTP1".to_owned()),
            ip_address_type: None,
            target_control_port: None,
        }
    }
}

/// The target group that an ARN names.
///
/// # Errors
/// 400 without it.
pub(crate) fn named(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<(NameKey, TargetGroup)> {
    let Some(Named::TargetGroup { key, id }) = Named::parse(&cx.caller, arn) else {
        return Err(no_target_group(arn));
    };
    match TARGET_GROUPS.get(reader, &key)? {
        Some(found) if found.id == id => Ok((key, found)),
        _ => Err(no_target_group(arn)),
    }
}

/// The load balancers with a listener or a rule that forwards to a target group, by ARN.
///
/// # Errors
/// Those of the store.
pub(crate) fn users(reader: &impl Read, owner: &Caller, arn: &str) -> Result<BTreeSet<String>> {
    let mut users = BTreeSet::new();
    for (key, listener) in LISTENERS.all(reader, &Span::prefix(&(&*owner.account, &*owner.region)))? {
        if listener.actions().any(|action| action.groups().iter().any(|group| group.arn == arn)) {
            let key = keys::load_balancer(&key);
            let balancer = LOAD_BALANCERS.get(reader, &key)?;
            users.extend(balancer.map(|balancer| arn::load_balancer(&key, &balancer.id)));
        }
    }
    Ok(users)
}

/// Where servers are asked how they are: a port, or where requests go.
///
/// # Errors
/// 400 for what is no port, 501 for another protocol than HTTP.
pub(crate) fn check_port(
    operation: &str,
    protocol: Option<&ProtocolEnum>,
    port: Option<&str>,
    own: Option<u16>,
) -> Result<Option<u16>> {
    if let Some(other) = protocol.filter(|protocol| **protocol != ProtocolEnum::Http) {
        let parameter = format!("HealthCheckProtocol {}", other.as_str());
        return Err(AwsError::parameter_not_implemented(operation, &parameter));
    }
    match port {
        None => Ok(own),
        Some(TRAFFIC_PORT) => Ok(None),
        Some(port) => match port.parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(invalid(format!(
                "Health check port '{port}' must be '{TRAFFIC_PORT}' or between '1' and '65535'"
            ))),
        },
    }
}

/// Whether targets are addresses.
///
/// # Errors
/// 501 for targets that are neither functions nor addresses.
pub(crate) fn check_type(kind: Option<&TargetTypeEnum>) -> Result<bool> {
    match kind {
        Some(TargetTypeEnum::Lambda) => Ok(false),
        Some(TargetTypeEnum::Ip) => Ok(true),
        other => {
            let name = other.map_or("instance", |kind| kind.as_str());
            Err(AwsError::parameter_not_implemented("CreateTargetGroup", &format!("TargetType {name}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_codes_are_lists_and_ranges() {
        let check = |matcher: &str, status: u16, expected: bool| {
            let check = HealthCheck { matcher: matcher.to_owned(), ..HealthCheck::default() };
            assert_eq!(check.fits(status), expected, "{matcher} {status}");
        };
        check("200", 200, true);
        check("200", 201, false);
        check("200,302", 302, true);
        check("200-299", 250, true);
        check("200-299", 300, false);
        for text in ["", "x", "199", "200-500", "300-200", "200,"] {
            assert!(ranges(text).is_none(), "{text}");
        }
    }
}
