//! Refusals in Elastic Load Balancing's words.

use api_elbv2::errors;
use aws_wire::{AwsError, Request, Response, Result};
use service::{Ctx, Edge, Head, Pending};

/// What the wire calls `ValidationException` is `ValidationError` here.
pub(crate) struct ElbEdge;

impl Edge for ElbEdge {
    fn path(&self, _request: &Request) -> Option<String> {
        None
    }

    fn refusal(&self, _head: &Head, error: AwsError) -> AwsError {
        match error.code.as_ref() {
            "ValidationException" => AwsError { code: "ValidationError".into(), ..error },
            _ => error,
        }
    }

    fn finish(&self, _cx: Ctx, _head: Head, response: Response) -> Pending<Response> {
        Box::pin(std::future::ready(response))
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::common("ValidationError", 400, message)
}

pub(crate) fn no_load_balancer(arn: &str) -> AwsError {
    errors::load_balancer_not_found_exception(format!("Load balancer '{arn}' not found"))
}

pub(crate) fn no_listener(arn: &str) -> AwsError {
    errors::listener_not_found_exception(format!("Listener '{arn}' not found"))
}

pub(crate) fn no_rule(arn: &str) -> AwsError {
    errors::rule_not_found_exception(format!("Rule '{arn}' not found"))
}

pub(crate) fn no_target_group(arn: &str) -> AwsError {
    errors::target_group_not_found_exception(format!("Target group '{arn}' not found"))
}

/// 501 for the first parameter that was given.
///
/// # Errors
/// When one was.
pub(crate) fn not_honoured(operation: &str, given: &[(&str, bool)]) -> Result<()> {
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((parameter, _)) => Err(AwsError::parameter_not_implemented(operation, parameter)),
        None => Ok(()),
    }
}

/// Whether a name is one: at most 32 letters, digits and hyphens, none of them at an end.
///
/// # Errors
/// 400 for others; `what` is such as `load balancer`.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.chars().count() > 32 {
        return Err(invalid(format!("The {what} name '{name}' cannot be longer than '32' characters")));
    }
    if name.is_empty() || !name.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-') {
        return Err(invalid(format!(
            "The {what} name '{name}' can only contain characters that are alphanumeric characters and hyphens(-)"
        )));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(invalid(format!("The {what} name '{name}' cannot begin or end with a hyphen(-)")));
    }
    Ok(())
}
