//! Refusals in API Gateway's words.

use api_apigateway::errors;
use aws_wire::{AwsError, Result};
use execute_api::domain::Refused;

use crate::Ctx;

pub(crate) fn bad_request(message: impl Into<String>) -> AwsError {
    errors::bad_request_exception(message)
}

pub(crate) fn no_api(cx: &Ctx, id: &str) -> AwsError {
    errors::not_found_exception(format!("Invalid API identifier specified {}:{id}", cx.caller.account))
}

/// `what` is such as `Resource`.
pub(crate) fn no_part(what: &str) -> AwsError {
    errors::not_found_exception(format!("Invalid {what} identifier specified"))
}

pub(crate) fn too_many(what: &str) -> AwsError {
    errors::limit_exceeded_exception(format!(
        "Maximum number of {what} for this API has been reached. Please contact AWS if you need additional {what}."
    ))
}

/// A refusal to do something with a custom domain.
pub(crate) fn of_domain(refused: Refused) -> AwsError {
    match refused {
        Refused::NotFound(message) => errors::not_found_exception(message),
        Refused::Conflict(message) => errors::conflict_exception(message),
        Refused::Invalid(message) => bad_request(message),
        Refused::TooMany(message) => errors::limit_exceeded_exception(message),
        Refused::Failed(error) => error,
    }
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
