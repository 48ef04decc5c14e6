//! Refusals in EventBridge's words.

use std::fmt::Display;

use api_events::errors;
use aws_wire::AwsError;

pub(crate) fn no_bus(name: &str) -> AwsError {
    errors::resource_not_found_exception(format!("Event bus {name} does not exist."))
}

pub(crate) fn no_rule(name: &str, bus: &str) -> AwsError {
    errors::resource_not_found_exception(format!("Rule {name} does not exist on EventBus {bus}."))
}

pub(crate) fn no_connection(arn: &str) -> AwsError {
    errors::resource_not_found_exception(format!("Connection '{arn}' does not exist."))
}

/// One text for every limit.
pub(crate) fn too_many() -> AwsError {
    errors::limit_exceeded_exception("The requested resource exceeds the maximum number allowed.")
}

pub(crate) fn not_valid(parameter: &str) -> AwsError {
    AwsError::validation(format!("Parameter {parameter} is not valid."))
}

pub(crate) fn pattern(reason: impl Display) -> AwsError {
    errors::invalid_event_pattern_exception(format!("Event pattern is not valid. Reason: {reason}"))
}

pub(crate) fn denied(principal: &str, action: &str, resource: &str) -> AwsError {
    AwsError::common(
        "AccessDeniedException",
        400,
        format!(
            "User: {principal} is not authorized to perform: events:{action} on resource: {resource} because no \
             resource-based policy allows the events:{action} action"
        ),
    )
}
