//! Refusals in SNS's words.

use api_sns::errors;
use aws_wire::AwsError;

/// 400 `InvalidParameter`; SNS says itself twice when a reason follows.
pub(crate) fn invalid(what: impl std::fmt::Display) -> AwsError {
    errors::invalid_parameter_exception(format!("Invalid parameter: {what}"))
}

pub(crate) fn no_topic() -> AwsError {
    errors::not_found_exception("Topic does not exist")
}

pub(crate) fn no_subscription() -> AwsError {
    errors::not_found_exception("Subscription does not exist")
}
