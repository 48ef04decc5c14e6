//! What a listener does with a request: forward it to one of several target groups, redirect it, or answer itself.

use std::collections::BTreeSet;

use api_elbv2::{
    ActionTypeEnum, FixedResponseActionConfig, ForwardActionConfig, RedirectActionConfig,
    RedirectActionStatusCodeEnum, TargetGroupStickinessConfig, TargetGroupTuple, errors,
};
use aws_wire::{AwsError, Result};
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::refusal::{invalid, not_honoured};
use crate::{Ctx, target_group};

const GROUPS_MAX: usize = 5;
const WEIGHT_MAX: i32 = 999;
const ORDER_MAX: i32 = 50_000;
const CONTENT_TYPES: [&str; 5] =
    ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Action {
    pub order: Option<i32>,
    pub does: Does,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Does {
    Forward(Vec<Weighted>),
    Redirect(Redirect),
    Fixed(Fixed),
}

/// A target group, and how many of the requests it gets in proportion to the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Weighted {
    pub arn: String,
    pub weight: u32,
}

/// The parts of a URL, with placeholders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Redirect {
    pub protocol: String,
    pub host: String,
    pub port: String,
    pub path: String,
    pub query: String,
    pub permanent: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fixed {
    pub status: u16,
    pub content_type: Option<String>,
    pub body: Option<String>,
}

impl Action {
    /// The target groups that it forwards to.
    pub(crate) fn groups(&self) -> &[Weighted] {
        match &self.does {
            Does::Forward(groups) => groups,
            Does::Redirect(_) | Does::Fixed(_) => &[],
        }
    }

    pub(crate) fn show(&self) -> api_elbv2::Action {
        let mut shown = api_elbv2::Action {
            r#type: ActionTypeEnum::Forward,
            target_group_arn: None,
            authenticate_oidc_config: None,
            authenticate_cognito_config: None,
            order: self.order,
            redirect_config: None,
            fixed_response_config: None,
            forward_config: None,
            jwt_validation_config: None,
        };
        match &self.does {
            Does::Forward(groups) => {
                if let [only] = groups.as_slice() {
                    shown.target_group_arn = Some(only.arn.clone());
                }
                let tuple = |group: &Weighted| TargetGroupTuple {
                    target_group_arn: Some(group.arn.clone()),
                    weight: i32::try_from(group.weight).ok(),
                };
                let stickiness = TargetGroupStickinessConfig { enabled: Some(false), duration_seconds: None };
                shown.forward_config = Some(ForwardActionConfig {
                    target_groups: Some(groups.iter().map(tuple).collect()),
                    target_group_stickiness_config: Some(stickiness),
                });
            }
            Does::Redirect(redirect) => {
                shown.r#type = ActionTypeEnum::Redirect;
                shown.redirect_config = Some(redirect.show());
            }
            Does::Fixed(fixed) => {
                shown.r#type = ActionTypeEnum::FixedResponse;
                shown.fixed_response_config = Some(FixedResponseActionConfig {
                    message_body: fixed.body.clone(),
                    status_code: fixed.status.to_string(),
                    content_type: fixed.content_type.clone(),
                });
            }
        }
        shown
    }
}

impl Redirect {
    fn show(&self) -> RedirectActionConfig {
        RedirectActionConfig {
            protocol: Some(self.protocol.clone()),
            port: Some(self.port.clone()),
            host: Some(self.host.clone()),
            path: Some(self.path.clone()),
            query: Some(self.query.clone()),
            status_code: if self.permanent {
                RedirectActionStatusCodeEnum::Http301
            } else {
                RedirectActionStatusCodeEnum::Http302
            },
        }
    }
}

/// The one action of a rule.
///
/// # Errors
/// 400 for none, for more and for one that makes no sense; 501 for those that ask who the client is.
pub(crate) fn read(operation: &str, given: Vec<api_elbv2::Action>) -> Result<Action> {
    for action in &given {
        match &action.r#type {
            ActionTypeEnum::Forward | ActionTypeEnum::Redirect | ActionTypeEnum::FixedResponse => {}
            other => {
                return Err(AwsError::parameter_not_implemented(
                    operation,
                    &format!("Action {}", other.as_str()),
                ));
            }
        }
    }
    let one = <[api_elbv2::Action; 1]>::try_from(given);
    let Ok([action]) = one else {
        return Err(errors::invalid_load_balancer_action_exception(
            "You must specify exactly one of the following actions: forward, fixed-response, redirect",
        ));
    };
    if action.order.is_some_and(|order| !(1..=ORDER_MAX).contains(&order)) {
        return Err(invalid(format!("Action order must be between '1' and '{ORDER_MAX}'")));
    }
    let order = action.order;
    let does = match &action.r#type {
        ActionTypeEnum::Redirect => Does::Redirect(redirect(action.redirect_config)?),
        ActionTypeEnum::FixedResponse => Does::Fixed(fixed(action.fixed_response_config)?),
        _ => Does::Forward(forward(operation, action)?),
    };
    Ok(Action { order, does })
}

fn forward(operation: &str, action: api_elbv2::Action) -> Result<Vec<Weighted>> {
    let config = action.forward_config;
    let sticky = config.as_ref().and_then(|config| config.target_group_stickiness_config.as_ref());
    let sticky = sticky.is_some_and(|sticky| sticky.enabled == Some(true));
    not_honoured(operation, &[("TargetGroupStickinessConfig", sticky)])?;
    let tuples = config.and_then(|config| config.target_groups).filter(|groups| !groups.is_empty());
    let groups = match (tuples, action.target_group_arn) {
        (Some(tuples), arn) => {
            let named = |arn: &String| tuples.len() == 1 && tuples[0].target_group_arn.as_ref() == Some(arn);
            if arn.as_ref().is_some_and(|arn| !named(arn)) {
                return Err(invalid(
                    "You cannot specify both a target group ARN and a forward config that differs from it",
                ));
            }
            tuples.into_iter().map(weighted).collect::<Result<Vec<_>>>()?
        }
        (None, Some(arn)) => vec![Weighted { arn, weight: 1 }],
        (None, None) => {
            return Err(invalid("A target group ARN or a forward config must be specified for forward"));
        }
    };
    let distinct = groups.iter().map(|group| &group.arn).collect::<BTreeSet<_>>();
    if distinct.len() < groups.len() {
        return Err(invalid("A target group can be specified only once in an action"));
    }
    if groups.len() > GROUPS_MAX {
        return Err(errors::too_many_unique_target_groups_per_load_balancer_exception(format!(
            "An action can forward to at most '{GROUPS_MAX}' target groups"
        )));
    }
    Ok(groups)
}

fn weighted(tuple: TargetGroupTuple) -> Result<Weighted> {
    let arn = tuple.target_group_arn.ok_or_else(|| invalid("A target group ARN must be specified"))?;
    let weight = tuple.weight.unwrap_or(1);
    let weight = u32::try_from(weight).ok().filter(|_| weight <= WEIGHT_MAX);
    let weight = weight.ok_or_else(|| invalid(format!("Weight must be between '0' and '{WEIGHT_MAX}'")))?;
    Ok(Weighted { arn, weight })
}

fn redirect(config: Option<RedirectActionConfig>) -> Result<Redirect> {
    let config = config.ok_or_else(|| invalid("A redirect config must be specified for redirect"))?;
    let redirect = Redirect {
        protocol: config.protocol.unwrap_or_else(|| "#{protocol}".to_owned()),
        host: config.host.unwrap_or_else(|| "#{host}".to_owned()),
        port: config.port.unwrap_or_else(|| "#{port}".to_owned()),
        path: config.path.unwrap_or_else(|| "/#{path}".to_owned()),
        query: config.query.unwrap_or_else(|| "#{query}".to_owned()),
        permanent: config.status_code == RedirectActionStatusCodeEnum::Http301,
    };
    if redirect.port != "#{port}" && redirect.port.parse::<u16>().ok().filter(|port| *port > 0).is_none() {
        return Err(invalid(format!(
            "The redirect port '{}' must be between '1' and '65535' or '#{{port}}'",
            redirect.port
        )));
    }
    if !redirect.path.starts_with('/') {
        return Err(invalid(format!("The redirect path '{}' must begin with '/'", redirect.path)));
    }
    if redirect.protocol == "#{protocol}"
        && redirect.host == "#{host}"
        && redirect.port == "#{port}"
        && redirect.path == "/#{path}"
    {
        return Err(errors::invalid_load_balancer_action_exception(
            "The redirect configuration is not valid because it creates a loop.",
        ));
    }
    Ok(redirect)
}

fn fixed(config: Option<FixedResponseActionConfig>) -> Result<Fixed> {
    let config =
        config.ok_or_else(|| invalid("A fixed response config must be specified for fixed-response"))?;
    let content_type = config.content_type.filter(|kind| !kind.is_empty());
    if let Some(other) = content_type.as_deref().filter(|kind| !CONTENT_TYPES.contains(kind)) {
        return Err(errors::invalid_load_balancer_action_exception(format!(
            "The ContentType must be one of:'{}', and not '{other}'",
            CONTENT_TYPES.join("', '")
        )));
    }
    let status = config.status_code.parse().map_err(|_| invalid("The status code is no number"))?;
    Ok(Fixed { status, content_type, body: config.message_body })
}

/// Whether the target groups of an action exist, and belong to no other load balancer than `balancer`.
///
/// # Errors
/// 400 where they do not.
pub(crate) fn check_groups(cx: &Ctx, reader: &impl Read, balancer: &str, action: &Action) -> Result<()> {
    for group in action.groups() {
        target_group::named(cx, reader, &group.arn)?;
        let users = target_group::users(reader, &cx.caller, &group.arn)?;
        if users.iter().any(|user| user != balancer) {
            return Err(errors::target_group_association_limit_exception(format!(
                "The following target groups cannot be associated with more than one load balancer: {}",
                group.arn
            )));
        }
    }
    Ok(())
}
