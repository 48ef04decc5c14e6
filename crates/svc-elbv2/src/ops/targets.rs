//! Targets: the function of a target group, and how it is.

use api_elbv2::{
    DeregisterTargetsInput, DeregisterTargetsOutput, DescribeTargetHealthInput, DescribeTargetHealthOutput,
    RegisterTargetsInput, RegisterTargetsOutput, TargetDescription, TargetHealthDescription, errors,
};
use aws_wire::{AwsError, Result};
use service::{Sender, TargetArn, Undelivered};

use crate::keys::TARGET_GROUPS;
use crate::{Ctx, PRINCIPAL, health, target_group};

pub(crate) async fn register_targets(cx: Ctx, input: RegisterTargetsInput) -> Result<RegisterTargetsOutput> {
    let arn = &input.target_group_arn;
    target_group::named(&cx, &cx.kv.snapshot().await?, arn)?;
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

/// One that is not registered is no error.
pub(crate) async fn deregister_targets(
    cx: Ctx,
    input: DeregisterTargetsInput,
) -> Result<DeregisterTargetsOutput> {
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
