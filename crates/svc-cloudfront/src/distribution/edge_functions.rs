//! Functions of behaviors: at most one for each event, each a numbered version, and no other than AWS would copy to its
//! edges.

use std::collections::BTreeSet;

use api_cloudfront::{CacheBehavior, DistributionConfig, EventType, LambdaFunctionAssociation, errors};
use api_lambda::{Architecture, GetFunctionConfigurationInput, PackageType, TracingMode};
use aws_wire::{AwsError, Result};

use super::behaviors;
use crate::Ctx;

const REGION: &str = "us-east-1";
/// Of all triggers. AWS's guide once gave viewers five; its table of quotas has thirty for all today.
const TIMEOUT_MAX_S: i32 = 30;
/// In megabytes: `/tmp` as it is without being asked for.
const STORAGE_MB: i32 = 512;
/// Of one distribution.
const FUNCTIONS_MAX: usize = 100;

pub(crate) fn associations(behavior: &CacheBehavior) -> impl Iterator<Item = &LambdaFunctionAssociation> {
    let associations = behavior.lambda_function_associations.as_ref();
    associations.and_then(|associations| associations.items.as_ref()).into_iter().flatten()
}

fn invalid(message: impl Into<String>) -> AwsError {
    errors::invalid_lambda_function_association(message)
}

/// # Errors
/// 400 for an event with two functions, and for a body where there is none.
pub(super) fn check_events(behavior: &CacheBehavior) -> Result<()> {
    let mut events = BTreeSet::new();
    for association in associations(behavior) {
        if !events.insert(association.event_type) {
            return Err(invalid(format!(
                "You can associate only one function with each event type: {}",
                association.event_type.as_str()
            )));
        }
        let of_response =
            matches!(association.event_type, EventType::OriginResponse | EventType::ViewerResponse);
        if of_response && association.include_body == Some(true) {
            return Err(invalid("The parameter IncludeBody is valid for request events only."));
        }
    }
    Ok(())
}

/// Asks for each function that a configuration names.
///
/// # Errors
/// 400 for those that can't run at an edge.
pub(crate) async fn check_functions(cx: &Ctx, config: &DistributionConfig) -> Result<()> {
    let behaviors = behaviors(config);
    let arns =
        behaviors.iter().flat_map(associations).map(|association| association.lambda_function_arn.as_str());
    let arns = arns.collect::<BTreeSet<_>>();
    if arns.len() > FUNCTIONS_MAX {
        return Err(errors::too_many_distributions_with_lambda_associations(
            "Your request would cause you to exceed the maximum number of Lambda functions of a distribution.",
        ));
    }
    for arn in arns {
        check_function(cx, arn).await?;
    }
    Ok(())
}

async fn check_function(cx: &Ctx, arn: &str) -> Result<()> {
    let parts = arn.split(':').collect::<Vec<_>>();
    let version = match parts.as_slice() {
        ["arn", _, "lambda", _, _, "function", _, version] => Some(*version),
        ["arn", _, "lambda", _, _, "function", _] => None,
        _ => return Err(invalid(format!("The function ARN is not valid. ARN: {arn}"))),
    };
    let is_number = |version: &str| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    if !version.is_some_and(is_number) {
        return Err(invalid(format!(
            "The function ARN must reference a specific function version. (The ARN must end with the version number.) \
             ARN: {arn}"
        )));
    }
    if parts[3] != REGION {
        return Err(invalid(format!("The function must be in region '{REGION}'. ARN: {arn}")));
    }
    if parts[4] != &*cx.caller.account {
        return Err(invalid(format!(
            "The function and the distribution must be of the same account. ARN: {arn}"
        )));
    }
    let input = GetFunctionConfigurationInput { function_name: arn.to_owned(), qualifier: None };
    let found = cx.call(input).await.map_err(|error| match error.status {
        404 => invalid(format!(
            "Lambda@Edge cannot retrieve the specified Lambda function. Update the IAM policy to add permission: \
             lambda:GetFunction for resource: {arn} and try again."
        )),
        _ => error,
    })?;
    let runtime = found.runtime.unwrap_or_default();
    if found.package_type == Some(PackageType::Image)
        || !["nodejs", "python"].iter().any(|kind| runtime.starts_with(kind))
    {
        return Err(invalid(format!(
            "The function's runtime is not supported by Lambda@Edge. Function: {arn}"
        )));
    }
    if let Some(timeout) = found.timeout.filter(|timeout| *timeout > TIMEOUT_MAX_S) {
        return Err(invalid(format!(
            "The function timeout is larger than the maximum allowed for functions that are triggered by a CloudFront \
             event: {timeout} Max allowed: {TIMEOUT_MAX_S} Function: {arn}"
        )));
    }
    let variables = found.environment.and_then(|environment| environment.variables);
    let x_ray = found.tracing_config.and_then(|tracing| tracing.mode);
    let has = [
        ("environment variables", variables.is_some_and(|variables| !variables.is_empty())),
        (
            "a VPC configuration",
            found.vpc_config.is_some_and(|vpc| !vpc.subnet_ids.unwrap_or_default().is_empty()),
        ),
        ("layers", found.layers.is_some_and(|layers| !layers.is_empty())),
        ("a dead letter queue", found.dead_letter_config.is_some_and(|letters| letters.target_arn.is_some())),
        ("active X-Ray tracing", x_ray == Some(TracingMode::Active)),
        ("arm64 architecture", found.architectures.is_some_and(|all| all.contains(&Architecture::Arm64))),
        (
            "more than 512 MB of ephemeral storage",
            found.ephemeral_storage.is_some_and(|of| of.size > STORAGE_MB),
        ),
    ];
    match has.iter().find(|(_, is_so)| *is_so) {
        Some((what, _)) => Err(invalid(format!("The function cannot have {what}. Function: {arn}"))),
        None => Ok(()),
    }
}
