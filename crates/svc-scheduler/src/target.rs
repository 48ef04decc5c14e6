//! A schedule's target: its record, and what it may be.

use api_scheduler as api;
use api_scheduler::errors;
use aws_wire::{AwsError, Result};
use serde::{Deserialize, Serialize};
use service::{TargetArn, Undelivered};

use crate::Ctx;

/// AWS's defaults: a day, and as many tries as fit in it.
const AGE_S_MAX: i64 = 86_400;
const ATTEMPTS_MAX: u32 = 185;
const INPUT_BYTES_MAX: usize = 262_144;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub arn: String,
    pub role: String,
    #[serde(default)]
    pub input: Option<String>,
    #[serde(default)]
    pub dead_letters: Option<String>,
    #[serde(default)]
    pub attempts: Option<u32>,
    #[serde(default)]
    pub age_s: Option<u32>,
    /// The message group of a queue.
    #[serde(default)]
    pub message_group: Option<String>,
    /// Of a stream's record.
    #[serde(default)]
    pub partition_key: Option<String>,
    /// Source and type of a bus's event.
    #[serde(default)]
    pub event: Option<(String, String)>,
}

impl Target {
    pub(crate) fn attempts_max(&self) -> u32 {
        self.attempts.unwrap_or(ATTEMPTS_MAX)
    }

    pub(crate) fn age_s_max(&self) -> i64 {
        self.age_s.map_or(AGE_S_MAX, i64::from)
    }

    /// With the retry policy that it has, said or not.
    pub(crate) fn show(self) -> api::Target {
        let (attempts, age) = (self.attempts_max(), self.age_s_max());
        api::Target {
            arn: self.arn,
            role_arn: self.role,
            input: self.input,
            dead_letter_config: self.dead_letters.map(|arn| api::DeadLetterConfig { arn: Some(arn) }),
            retry_policy: Some(api::RetryPolicy {
                maximum_event_age_in_seconds: age.try_into().ok(),
                maximum_retry_attempts: attempts.try_into().ok(),
            }),
            sqs_parameters: self
                .message_group
                .map(|group| api::SqsParameters { message_group_id: Some(group) }),
            kinesis_parameters: self
                .partition_key
                .map(|partition_key| api::KinesisParameters { partition_key }),
            event_bridge_parameters: self
                .event
                .map(|(source, detail_type)| api::EventBridgeParameters { detail_type, source }),
            ..api::Target::default()
        }
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    errors::validation_exception(message)
}

/// What a request makes of a target.
///
/// # Errors
/// 400 for what can't be one, 501 for what is not served.
pub(crate) async fn check(cx: &Ctx, operation: &str, given: api::Target) -> Result<Target> {
    if given.arn.starts_with("arn:aws:scheduler:::aws-sdk:") {
        return Err(AwsError::parameter_not_implemented(operation, "universal targets"));
    }
    let refused = [
        ("EcsParameters", given.ecs_parameters.is_some()),
        ("SageMakerPipelineParameters", given.sage_maker_pipeline_parameters.is_some()),
        ("EventBridgePutEventsV2Parameters", given.event_bridge_put_events_v2_parameters.is_some()),
        ("EventBridgePutRawEventsParameters", given.event_bridge_put_raw_events_parameters.is_some()),
    ];
    if let Some((parameter, _)) = refused.iter().find(|(_, is_there)| *is_there) {
        return Err(AwsError::parameter_not_implemented(operation, parameter));
    }
    let arn = TargetArn::parse(&given.arn)
        .ok_or_else(|| invalid(format!("Provided Arn is not in correct format: {}.", given.arn)))?;
    check_served(cx, operation, &arn).await?;
    let role_account = given.role_arn.split(':').nth(4).unwrap_or_default();
    if role_account != &*cx.caller.account {
        return Err(invalid("The execution role must be in the account of the schedule."));
    }
    check_parameters(&given, &arn)?;
    if let Some(input) = &given.input {
        if input.len() > INPUT_BYTES_MAX {
            return Err(invalid("The Input of the target is larger than 256 KB."));
        }
        // Functions and buses take JSON only.
        let is_json = || serde_json::from_str::<serde_json::Value>(input).ok();
        let fits = match arn.service() {
            "lambda" => is_json().is_some(),
            "events" => is_json().is_some_and(|detail| detail.is_object()),
            _ => true,
        };
        if !fits {
            return Err(invalid("Input must be valid JSON for this target."));
        }
    }
    let dead_letters = given.dead_letter_config.and_then(|config| config.arn);
    if dead_letters.as_ref().is_some_and(|arn| !arn.starts_with("arn:aws:sqs:") || arn.ends_with(".fifo")) {
        return Err(invalid("The dead-letter queue must be a standard queue of Amazon SQS."));
    }
    let count = |number: i32| u32::try_from(number).ok();
    Ok(Target {
        arn: given.arn,
        role: given.role_arn,
        input: given.input,
        dead_letters,
        attempts: given.retry_policy.as_ref().and_then(|retry| count(retry.maximum_retry_attempts?)),
        age_s: given.retry_policy.as_ref().and_then(|retry| count(retry.maximum_event_age_in_seconds?)),
        message_group: given.sqs_parameters.and_then(|sqs| sqs.message_group_id),
        partition_key: given.kinesis_parameters.map(|kinesis| kinesis.partition_key),
        event: given.event_bridge_parameters.map(|event| (event.source, event.detail_type)),
    })
}

/// Whether somebody here could receive; that the very target is there AWS does not ask.
async fn check_served(cx: &Ctx, operation: &str, arn: &TargetArn) -> Result<()> {
    let not_served = |what: &str| {
        let what = format!("targets of {what}, which it does not serve,");
        AwsError::parameter_not_implemented(operation, &what)
    };
    let is_target = matches!(arn.service(), "lambda" | "sqs" | "sns" | "kinesis")
        || (arn.service() == "events" && arn.resource().starts_with("event-bus/"));
    match cx.check_target(arn).await {
        Err(Undelivered::NotServed { service }) => Err(not_served(&service)),
        _ if !is_target => Err(not_served(arn.service())),
        _ => Ok(()),
    }
}

/// Each kind of target has its own parameters, and no other's.
fn check_parameters(given: &api::Target, arn: &TargetArn) -> Result<()> {
    let kinds = [
        ("SqsParameters", "sqs", given.sqs_parameters.is_some(), arn.resource().ends_with(".fifo")),
        ("KinesisParameters", "kinesis", given.kinesis_parameters.is_some(), true),
        ("EventBridgeParameters", "events", given.event_bridge_parameters.is_some(), true),
    ];
    for (name, service, is_there, is_needed) in kinds {
        if is_there && arn.service() != service {
            return Err(invalid(format!("{name} must not be set for target {arn}.")));
        }
        if !is_there && is_needed && arn.service() == service {
            return Err(invalid(format!("{name} must be set for target {arn}.")));
        }
    }
    Ok(())
}
