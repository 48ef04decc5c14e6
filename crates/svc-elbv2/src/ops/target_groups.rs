//! Target groups: creating, listing, changing and deleting them.

use api_elbv2::{
    CreateTargetGroupInput, CreateTargetGroupOutput, DeleteTargetGroupInput, DeleteTargetGroupOutput,
    DescribeTargetGroupAttributesInput, DescribeTargetGroupAttributesOutput, DescribeTargetGroupsInput,
    DescribeTargetGroupsOutput, ModifyTargetGroupAttributesInput, ModifyTargetGroupAttributesOutput,
    ModifyTargetGroupInput, ModifyTargetGroupOutput, TargetGroupAttribute, errors,
};
use aws_wire::{AwsError, Result};
use kv::Span;

use super::account::TARGET_GROUPS_MAX;
use crate::arn::{self, Named};
use crate::attributes::{self, Attributes, Known, OF_SERVERS, OF_TARGET_GROUP};
use crate::keys::TARGET_GROUPS;
use crate::refusal::{check_name, invalid, no_target_group};
use crate::target_group::{self, Asked, HealthCheck, TargetGroup};
use crate::{Ctx, load_balancer, page, server, tags};

pub(crate) async fn create_target_group(
    cx: Ctx,
    input: CreateTargetGroupInput,
) -> Result<CreateTargetGroupOutput> {
    let is_ip = target_group::check_type(input.target_type.as_ref())?;
    check_name("target group", &input.name)?;
    let mut servers = None;
    if is_ip {
        let (protocol, version) = (input.protocol.as_ref(), input.protocol_version.as_deref());
        let mut made =
            server::check(protocol.map(|protocol| protocol.as_str()), version, input.port, input.vpc_id)?;
        let (protocol, port) = (input.health_check_protocol.as_ref(), input.health_check_port.as_deref());
        made.check_port = target_group::check_port("CreateTargetGroup", protocol, port, None)?;
        if input.target_control_port.is_some() {
            return Err(AwsError::parameter_not_implemented("CreateTargetGroup", "TargetControlPort"));
        }
        servers = Some(made);
    } else {
        let given = [
            ("protocol", input.protocol.is_some()),
            ("protocol version", input.protocol_version.is_some()),
            ("port", input.port.is_some()),
            ("VPC ID", input.vpc_id.is_some()),
            ("IP address type", input.ip_address_type.is_some()),
            ("target control port", input.target_control_port.is_some()),
        ];
        if let Some((parameter, _)) = given.iter().find(|(_, is_given)| *is_given) {
            return Err(invalid(format!(
                "A {parameter} cannot be specified for target groups with target type 'lambda'"
            )));
        }
    }
    let mut health_check = if is_ip { HealthCheck::of_servers() } else { HealthCheck::default() };
    if is_ip && input.health_check_enabled == Some(false) {
        return Err(invalid("Health check enabled must be true for target groups with target type 'ip'"));
    }
    health_check.change(Asked {
        enabled: input.health_check_enabled,
        path: input.health_check_path,
        interval_s: input.health_check_interval_seconds,
        timeout_s: input.health_check_timeout_seconds,
        healthy: input.healthy_threshold_count,
        unhealthy: input.unhealthy_threshold_count,
        matcher: input.matcher,
        has_protocol_or_port: input.health_check_protocol.is_some() || input.health_check_port.is_some(),
        is_function: !is_ip,
    })?;
    let made = TargetGroup {
        id: arn::new_id(&cx.env),
        health_check,
        target: None,
        servers,
        attributes: Attributes::new(),
        tags: tags::read(input.tags)?,
    };
    let key = (cx.caller.account.to_string(), cx.caller.region.to_string(), input.name);
    let stored = cx
        .kv
        .transact(|tx| {
            if let Some(present) = TARGET_GROUPS.get(tx, &key)? {
                let settings = |group: &TargetGroup| {
                    group.servers.as_ref().map(|of| (of.port, of.vpc.clone(), of.check_port))
                };
                let same = present.health_check == made.health_check
                    && present.tags == made.tags
                    && settings(&present) == settings(&made);
                return if same { Ok(present) } else { Err(duplicate(&key.2)) };
            }
            let all = TARGET_GROUPS.all(tx, &Span::prefix(&(key.0.as_str(), key.1.as_str())))?;
            if all.len() >= TARGET_GROUPS_MAX {
                return Err(errors::too_many_target_groups_exception(
                    "The maximum number of target groups has been reached",
                ));
            }
            TARGET_GROUPS.put(tx, &key, &made)?;
            Ok(made.clone())
        })
        .await?;
    let users =
        target_group::users(&cx.kv.snapshot().await?, &cx.caller, &arn::target_group(&key, &stored.id))?;
    Ok(CreateTargetGroupOutput { target_groups: Some(vec![stored.show(&key, users)]) })
}

fn duplicate(name: &str) -> AwsError {
    errors::duplicate_target_group_name_exception(format!(
        "A target group with the same name '{name}' exists, but with different settings"
    ))
}

/// The target group; one that is not there is no error.
pub(crate) async fn delete_target_group(
    cx: Ctx,
    input: DeleteTargetGroupInput,
) -> Result<DeleteTargetGroupOutput> {
    let arn = &input.target_group_arn;
    let Some(Named::TargetGroup { key, id }) = Named::parse(&cx.caller, arn) else {
        return Err(no_target_group(arn));
    };
    cx.kv
        .transact(|tx| {
            if TARGET_GROUPS.get(tx, &key)?.is_none_or(|found| found.id != id) {
                return Ok(());
            }
            if !target_group::users(tx, &cx.caller, arn)?.is_empty() {
                return Err(errors::resource_in_use_exception(format!(
                    "Target group '{arn}' is currently in use by a listener or a rule"
                )));
            }
            Ok::<_, AwsError>(TARGET_GROUPS.delete(tx, &key)?)
        })
        .await?;
    cx.state.checks.news.raise();
    Ok(DeleteTargetGroupOutput {})
}

pub(crate) async fn describe_target_groups(
    cx: Ctx,
    input: DescribeTargetGroupsInput,
) -> Result<DescribeTargetGroupsOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let all = || TARGET_GROUPS.all(&snapshot, &Span::prefix(&(account, region)));
    let found = match (&input.load_balancer_arn, input.target_group_arns, input.names) {
        (None, None, None) => all()?,
        (Some(arn), None, None) => {
            load_balancer::named(&cx, &snapshot, arn)?;
            all()?
        }
        (None, Some(arns), None) => {
            arns.iter().map(|arn| target_group::named(&cx, &snapshot, arn)).collect::<Result<Vec<_>>>()?
        }
        (None, None, Some(names)) => {
            let mut found = Vec::new();
            for name in names {
                let key = (account.to_owned(), region.to_owned(), name);
                let missing = || {
                    errors::target_group_not_found_exception("One or more target groups not found".to_owned())
                };
                let one = TARGET_GROUPS.get(&snapshot, &key)?.ok_or_else(missing)?;
                found.push((key, one));
            }
            found
        }
        _ => {
            return Err(invalid(
                "Target group names, target group ARNs and a load balancer ARN cannot be specified at the same time",
            ));
        }
    };
    let mut shown = Vec::new();
    for (key, group) in found {
        let users = target_group::users(&snapshot, &cx.caller, &arn::target_group(&key, &group.id))?;
        if input.load_balancer_arn.as_ref().is_none_or(|balancer| users.contains(balancer)) {
            shown.push((key.2.clone(), group.show(&key, users)));
        }
    }
    let (target_groups, next_marker) = page::of(shown, input.marker.as_deref(), input.page_size)?;
    Ok(DescribeTargetGroupsOutput { target_groups: Some(target_groups), next_marker })
}

pub(crate) async fn modify_target_group(
    cx: Ctx,
    input: ModifyTargetGroupInput,
) -> Result<ModifyTargetGroupOutput> {
    let shown = cx
        .kv
        .transact(|tx| {
            let (key, mut found) = target_group::named(&cx, tx, &input.target_group_arn)?;
            if let Some(servers) = &mut found.servers {
                if input.health_check_enabled == Some(false) {
                    return Err(invalid(
                        "Health check enabled must be true for target groups with target type 'ip'",
                    ));
                }
                let (protocol, port) =
                    (input.health_check_protocol.as_ref(), input.health_check_port.as_deref());
                let own = servers.check_port;
                servers.check_port = target_group::check_port("ModifyTargetGroup", protocol, port, own)?;
            }
            let is_function = found.servers.is_none();
            found.health_check.change(Asked {
                is_function,
                enabled: input.health_check_enabled,
                path: input.health_check_path.clone(),
                interval_s: input.health_check_interval_seconds,
                timeout_s: input.health_check_timeout_seconds,
                healthy: input.healthy_threshold_count,
                unhealthy: input.unhealthy_threshold_count,
                matcher: input.matcher.clone(),
                has_protocol_or_port: input.health_check_protocol.is_some()
                    || input.health_check_port.is_some(),
            })?;
            TARGET_GROUPS.put(tx, &key, &found)?;
            let users = target_group::users(tx, &cx.caller, &input.target_group_arn)?;
            Ok::<_, AwsError>(found.show(&key, users))
        })
        .await?;
    cx.state.checks.news.raise();
    Ok(ModifyTargetGroupOutput { target_groups: Some(vec![shown]) })
}

fn known(group: &TargetGroup) -> &'static [Known] {
    if group.servers.is_some() { OF_SERVERS } else { OF_TARGET_GROUP }
}

fn show_attributes(group: &TargetGroup) -> Vec<TargetGroupAttribute> {
    let all = attributes::all(known(group), &group.attributes).into_iter();
    all.map(|(key, value)| TargetGroupAttribute { key: Some(key), value: Some(value) }).collect()
}

pub(crate) async fn describe_target_group_attributes(
    cx: Ctx,
    input: DescribeTargetGroupAttributesInput,
) -> Result<DescribeTargetGroupAttributesOutput> {
    let (_, found) = target_group::named(&cx, &cx.kv.snapshot().await?, &input.target_group_arn)?;
    Ok(DescribeTargetGroupAttributesOutput { attributes: Some(show_attributes(&found)) })
}

pub(crate) async fn modify_target_group_attributes(
    cx: Ctx,
    input: ModifyTargetGroupAttributesInput,
) -> Result<ModifyTargetGroupAttributesOutput> {
    let set = cx
        .kv
        .transact(|tx| {
            let (key, mut found) = target_group::named(&cx, tx, &input.target_group_arn)?;
            let given = input.attributes.iter().map(|one| (one.key.clone(), one.value.clone()));
            attributes::set("ModifyTargetGroupAttributes", known(&found), &mut found.attributes, given)?;
            TARGET_GROUPS.put(tx, &key, &found)?;
            Ok::<_, AwsError>(found)
        })
        .await?;
    Ok(ModifyTargetGroupAttributesOutput { attributes: Some(show_attributes(&set)) })
}
