//! Which ARNs can be an event's destination, or a function's dead-letter queue.

use api_lambda::errors;
use aws_wire::{AwsError, Result};
use service::{TargetArn, Undelivered};

use crate::Ctx;
use crate::name::FunctionName;

/// Services that have destinations, by their ARNs.
const KINDS: [&str; 5] = ["lambda", "sqs", "sns", "events", "s3"];
const DEAD_LETTER_KINDS: [&str; 2] = ["sqs", "sns"];

fn invalid(arn: &str) -> AwsError {
    errors::invalid_parameter_value_exception(format!("The destination ARN {arn} is invalid."))
}

/// Buckets take failures only.
///
/// # Errors
/// 400 in AWS's words, which are those of its own classes.
pub(crate) fn check_kinds(on_success: Option<&str>, on_failure: Option<&str>) -> Result<()> {
    let is_bucket = on_success.and_then(TargetArn::parse).is_some_and(|arn| arn.service() == "s3");
    if !is_bucket {
        return Ok(());
    }
    let shown = |name: &str, arn: Option<&str>| {
        arn.map_or("null".to_owned(), |arn| format!("{name}(destination={arn})"))
    };
    Err(errors::invalid_parameter_value_exception(format!(
        "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
        shown("OnSuccess", on_success),
        shown("OnFailure", on_failure)
    )))
}

/// # Errors
/// 400 for what is no destination, is the function itself or is not there; 501 when its service is not served.
pub(crate) async fn check(cx: &Ctx, name: &FunctionName, text: &str) -> Result<()> {
    let arn = TargetArn::parse(text).filter(|arn| KINDS.contains(&arn.service()));
    let arn = arn.filter(|arn| !is_fifo(arn)).ok_or_else(|| invalid(text))?;
    let is_itself =
        text == name.arn() || text.strip_prefix(&name.arn()).is_some_and(|rest| rest.starts_with(':'));
    if is_itself {
        return Err(errors::invalid_parameter_value_exception(
            "You can't specify the function as a destination for itself.",
        ));
    }
    reachable(cx, &arn, "DestinationConfig").await
}

/// Where a mapping sends what it gives up; that it can be one was checked.
///
/// # Errors
/// 400 for what is not there; 501 when its service is not served.
pub(crate) async fn check_of_mapping(cx: &Ctx, text: &str) -> Result<()> {
    let arn = TargetArn::parse(text).ok_or_else(|| invalid(text))?;
    reachable(cx, &arn, "DestinationConfig").await
}

/// # Errors
/// 400 for what is no queue or topic, or is not there; 501 when its service is not served.
pub(crate) async fn check_dead_letter(cx: &Ctx, text: &str) -> Result<()> {
    let arn = TargetArn::parse(text).filter(|arn| DEAD_LETTER_KINDS.contains(&arn.service()));
    let arn = arn.filter(|arn| !is_fifo(arn)).ok_or_else(|| {
        errors::invalid_parameter_value_exception(format!("The dead letter target ARN {text} is invalid."))
    })?;
    reachable(cx, &arn, "DeadLetterConfig").await
}

fn is_fifo(arn: &TargetArn) -> bool {
    matches!(arn.service(), "sqs" | "sns") && arn.resource().ends_with(".fifo")
}

async fn reachable(cx: &Ctx, arn: &TargetArn, parameter: &str) -> Result<()> {
    match cx.check_target(arn).await {
        Ok(()) => Ok(()),
        Err(Undelivered::NotServed { service }) => {
            let what = format!("targets of {service}, a service it does not serve,");
            Err(AwsError::parameter_not_implemented(parameter, &what))
        }
        Err(Undelivered::Throttled) => Err(errors::too_many_requests_exception("Rate Exceeded.")),
        Err(Undelivered::Failed(cause)) => Err(AwsError::internal(cause)),
        Err(Undelivered::Denied(_)) => Err(errors::invalid_parameter_value_exception(format!(
            "The function's execution role does not have permissions to call {} on {arn}",
            match arn.service() {
                "sqs" => "SendMessage",
                "sns" => "Publish",
                "events" => "PutEvents",
                "s3" => "PutObject",
                _ => "InvokeFunction",
            }
        ))),
        Err(Undelivered::Invalid(_) | Undelivered::NotFound(_) | Undelivered::TooLarge { .. }) => {
            Err(invalid(arn.as_str()))
        }
    }
}
