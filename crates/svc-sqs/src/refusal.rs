//! Refusals that no model lists, in AWS's words.

use std::fmt::Display;

use aws_wire::AwsError;

/// 400 `InvalidParameterValue`.
pub(crate) fn invalid(message: impl Into<String>) -> AwsError {
    let mut error = AwsError::common("InvalidParameterValueException", 400, message);
    error.query_code = Some("InvalidParameterValue");
    error
}

/// 400 `InvalidParameterValue`, as most are worded.
pub(crate) fn invalid_value(value: impl Display, parameter: &str, reason: &str) -> AwsError {
    invalid(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
}

/// 400 `MissingParameter`.
pub(crate) fn missing(parameter: &str) -> AwsError {
    let message = format!("The request must contain the parameter {parameter}.");
    let mut error = AwsError::common("MissingRequiredParameterException", 400, message);
    error.query_code = Some("MissingParameter");
    error
}

/// 403 `AccessDenied`.
pub(crate) fn denied(message: impl Into<String>) -> AwsError {
    let mut error = AwsError::common("AccessDeniedException", 403, message);
    error.query_code = Some("AccessDenied");
    error
}
