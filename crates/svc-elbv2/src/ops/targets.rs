//! Targets: the function or the servers of a target group, and how they are.

use api_elbv2::{
    DeregisterTargetsInput, DeregisterTargetsOutput, DescribeTargetHealthInput, DescribeTargetHealthOutput,
    RegisterTargetsInput, RegisterTargetsOutput, TargetDescription, TargetHealthDescription, errors,
};
use aws_wire::{AwsError, Result};
use service::{Sender, TargetArn, Undelivered};

use crate::attributes::{self, Attributes};
use crate::keys::TARGET_GROUPS;
use crate::server::{Server, Servers};
use crate::{Ctx, PRINCIPAL, health, target_group};

pub(crate) async fn register_targets(cx: Ctx, input: RegisterTargetsInput) -> Result<RegisterTargetsOutput> {
    let arn = &input.target_group_arn;
    let (_, group) = target_group::named(&cx, &cx.kv.snapshot().await?, arn)?;
    if group.servers.is_some() {
        let now = cx.env.now();
        change_servers(&cx, arn, &input.targets, |servers, given, _| servers.add(given, now)).await?;
        return Ok(RegisterTargetsOutput {});
    }
    let mut functions = input.targets.iter().map(|target| check_shape(&cx, target));
    let Some(function) = functions.next().transpose()? else { return Ok(RegisterTargetsOutput {}) };
    for other in functions {
        if other?.as_str() != function.as_str() {
            return Err(too_many(arn));
        }
    }
    check_function(&cx, &function, arn).await?;
    cx.kv
        .transact(|tx| {
            let (key, mut found) = target_group::named(&cx, tx, arn)?;
            if found.target.as_deref().is_some_and(|target| target != function.as_str()) {
                return Err(too_many(arn));
            }
            found.target = Some(function.as_str().to_owned());
            Ok::<_, AwsError>(TARGET_GROUPS.put(tx, &key, &found)?)
        })
        .await?;
    cx.state.checks.news.raise();
    Ok(RegisterTargetsOutput {})
}

/// Changes the servers of a group.
async fn change_servers(
    cx: &Ctx,
    arn: &str,
    targets: &[TargetDescription],
    change: impl Fn(&mut Servers, &[Server], &Attributes) -> Result<()>,
) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let (key, mut found) = target_group::named(cx, tx, arn)?;
            if let Some(servers) = &mut found.servers {
                let given = targets.iter().map(|target| servers.read(target)).collect::<Result<Vec<_>>>()?;
                change(servers, &given, &found.attributes)?;
                TARGET_GROUPS.put(tx, &key, &found)?;
            }
            Ok::<_, AwsError>(())
        })
        .await?;
    cx.state.checks.news.raise();
    Ok(())
}

/// The function that a target is: one of the caller's account and region.
fn check_shape(cx: &Ctx, target: &TargetDescription) -> Result<TargetArn> {
    let id = &target.id;
    let invalid = |what: String| Err(errors::invalid_target_exception(what));
    let Some(arn) = TargetArn::parse(id)
        .filter(|arn| arn.service() == "lambda" && arn.resource().starts_with("function:"))
    else {
        return invalid(format!("The target '{id}' is not a valid Lambda function ARN"));
    };
    if arn.account() != &*cx.caller.account || arn.region() != &*cx.caller.region {
        return invalid(format!(
            "The target '{id}' must be in the same account and region as the target group"
        ));
    }
    if target.port.is_some() {
        return invalid(format!("A port cannot be specified for the target '{id}'"));
    }
    if target.availability_zone.as_deref().is_some_and(|zone| zone != "all") {
        return invalid(format!("An Availability Zone cannot be specified for the target '{id}'"));
    }
    if target.quic_server_id.is_some() {
        return invalid(format!("A QUIC server ID cannot be specified for the target '{id}'"));
    }
    Ok(arn)
}

/// # Errors
/// 400 where there is no such function, 403 where its policy does not let the target group in.
async fn check_function(cx: &Ctx, function: &TargetArn, target_group_arn: &str) -> Result<()> {
    let sender = Sender {
        service: PRINCIPAL.to_owned(),
        source_arn: target_group_arn.to_owned(),
        source_account: cx.caller.account.to_string(),
        role: None,
    };
    match cx.check_sender(function, sender).await {
        Ok(()) => Ok(()),
        Err(Undelivered::Denied(_)) => Err(AwsError::common(
            "AccessDenied",
            403,
            format!(
                "elasticloadbalancing principal does not have permission to invoke {function} from target group \
                 {target_group_arn}"
            ),
        )),
        Err(Undelivered::NotServed { .. }) => Err(AwsError::not_implemented("lambda", "Invoke")),
        Err(Undelivered::NotFound(_) | Undelivered::Invalid(_) | Undelivered::TooLarge { .. }) => {
            Err(errors::invalid_target_exception(format!("The Lambda function '{function}' does not exist")))
        }
        Err(failed @ (Undelivered::Throttled | Undelivered::Failed(_))) => Err(AwsError::internal(failed)),
    }
}

fn too_many(arn: &str) -> AwsError {
    errors::too_many_targets_exception(format!(
        "Target group '{arn}' can have only one target, for its target type is 'lambda'"
    ))
}

/// A function that is not registered is no error.
pub(crate) async fn deregister_targets(
    cx: Ctx,
    input: DeregisterTargetsInput,
) -> Result<DeregisterTargetsOutput> {
    let arn = &input.target_group_arn;
    let (_, group) = target_group::named(&cx, &cx.kv.snapshot().await?, arn)?;
    if group.servers.is_some() {
        let now = cx.env.now();
        let remove = |servers: &mut Servers, given: &[Server], set: &Attributes| {
            servers.remove(given, now, attributes::deregistration_delay(set))
        };
        change_servers(&cx, arn, &input.targets, remove).await?;
        return Ok(DeregisterTargetsOutput {});
    }
    cx.kv
        .transact(|tx| {
            let (key, mut found) = target_group::named(&cx, tx, &input.target_group_arn)?;
            let named = |target: &mut String| input.targets.iter().any(|given| given.id == *target);
            if found.target.take_if(named).is_some() {
                TARGET_GROUPS.put(tx, &key, &found)?;
            }
            Ok::<_, AwsError>(())
        })
        .await?;
    cx.state.checks.news.raise();
    Ok(DeregisterTargetsOutput {})
}

pub(crate) async fn describe_target_health(
    cx: Ctx,
    input: DescribeTargetHealthInput,
) -> Result<DescribeTargetHealthOutput> {
    if input.include.is_some_and(|include| !include.is_empty()) {
        return Err(AwsError::parameter_not_implemented("DescribeTargetHealth", "Include"));
    }
    let arn = &input.target_group_arn;
    let snapshot = cx.kv.snapshot().await?;
    let (_, group) = target_group::named(&cx, &snapshot, arn)?;
    let in_use = !target_group::users(&snapshot, &cx.caller, arn)?.is_empty();
    if let Some(servers) = &group.servers {
        let now = cx.env.now();
        let asked = match input.targets.filter(|targets| !targets.is_empty()) {
            Some(targets) => targets.iter().map(|target| servers.read(target)).collect::<Result<Vec<_>>>()?,
            None => servers.all.values().filter(|server| !server.has_left(now)).cloned().collect(),
        };
        let describe = |server: Server| {
            let known = servers.all.get(&server.id()).filter(|known| !known.has_left(now));
            let is_leaving = known.is_some_and(|known| known.leaving_ms.is_some());
            TargetHealthDescription {
                target_health: Some(if is_leaving {
                    health::draining()
                } else {
                    health::of(&cx, arn, &group, &server.id(), in_use)
                }),
                health_check_port: Some(servers.check_port.unwrap_or(server.address.port()).to_string()),
                target: Some(known.unwrap_or(&server).shown()),
                anomaly_detection: None,
                administrative_override: None,
            }
        };
        let descriptions = asked.into_iter().map(describe).collect();
        return Ok(DescribeTargetHealthOutput { target_health_descriptions: Some(descriptions) });
    }
    let targets = match input.targets.filter(|targets| !targets.is_empty()) {
        Some(targets) => targets.into_iter().map(|target| target.id).collect(),
        None => group.target.clone().into_iter().collect::<Vec<_>>(),
    };
    let describe = |id: String| TargetHealthDescription {
        target_health: Some(health::of(&cx, arn, &group, &id, in_use)),
        target: Some(TargetDescription {
            id,
            port: None,
            availability_zone: Some("all".to_owned()),
            quic_server_id: None,
        }),
        health_check_port: None,
        anomaly_detection: None,
        administrative_override: None,
    };
    let descriptions = targets.into_iter().map(describe).collect();
    Ok(DescribeTargetHealthOutput { target_health_descriptions: Some(descriptions) })
}
