//! A rule's target: its record, and what it may be.

use std::collections::BTreeMap;

use api_events as api;
use aws_wire::{AwsError, Result};
use event_input::Path;
use serde::{Deserialize, Serialize};
use service::{TargetArn, Undelivered};

use crate::{Ctx, input, rule};

/// AWS's defaults: a day, and as many tries as fit in it.
const AGE_S_MAX: i64 = 86_400;
const ATTEMPTS_MAX: u32 = 185;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub arn: String,
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub input: Option<String>,
    #[serde(default)]
    pub input_path: Option<String>,
    #[serde(default)]
    pub transformer: Option<Transformer>,
    /// The message group of a queue.
    #[serde(default)]
    pub message_group: Option<String>,
    /// Where an event has a stream's partition key.
    #[serde(default)]
    pub partition_key_path: Option<String>,
    /// What requests to an API destination have beside the event.
    #[serde(default)]
    pub http: Option<HttpParameters>,
    #[serde(default)]
    pub dead_letters: Option<String>,
    #[serde(default)]
    pub retry: Option<Retry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transformer {
    pub paths: BTreeMap<String, String>,
    pub template: String,
}

/// Values that begin with `$.` are paths into the event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpParameters {
    /// For the asterisks of the endpoint, in their order.
    pub path: Vec<String>,
    pub headers: BTreeMap<String, String>,
    pub query: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retry {
    pub attempts: Option<u32>,
    pub age_s: Option<u32>,
}

impl Target {
    pub(crate) fn attempts_max(&self) -> u32 {
        self.retry.as_ref().and_then(|retry| retry.attempts).unwrap_or(ATTEMPTS_MAX)
    }

    pub(crate) fn age_s_max(&self) -> i64 {
        self.retry.as_ref().and_then(|retry| retry.age_s).map_or(AGE_S_MAX, i64::from)
    }

    pub(crate) fn show(self, id: String) -> api::Target {
        api::Target {
            id,
            arn: self.arn,
            role_arn: self.role,
            input: self.input,
            input_path: self.input_path,
            input_transformer: self.transformer.map(|transformer| api::InputTransformer {
                input_paths_map: Some(transformer.paths).filter(|paths| !paths.is_empty()),
                input_template: transformer.template,
            }),
            kinesis_parameters: self
                .partition_key_path
                .map(|partition_key_path| api::KinesisParameters { partition_key_path }),
            sqs_parameters: self
                .message_group
                .map(|group| api::SqsParameters { message_group_id: Some(group) }),
            http_parameters: self.http.map(|http| api::HttpParameters {
                path_parameter_values: Some(http.path).filter(|path| !path.is_empty()),
                header_parameters: Some(http.headers).filter(|headers| !headers.is_empty()),
                query_string_parameters: Some(http.query).filter(|query| !query.is_empty()),
            }),
            dead_letter_config: self.dead_letters.map(|arn| api::DeadLetterConfig { arn: Some(arn) }),
            retry_policy: self.retry.map(|retry| api::RetryPolicy {
                maximum_retry_attempts: retry.attempts.and_then(|attempts| attempts.try_into().ok()),
                maximum_event_age_in_seconds: retry.age_s.and_then(|age| age.try_into().ok()),
            }),
            ..api::Target::default()
        }
    }
}

/// What a request makes of a target.
///
/// # Errors
/// 400 for what can't be one, 501 for what is not served.
pub(crate) async fn check(cx: &Ctx, given: api::Target) -> Result<Target> {
    let id = given.id.as_str();
    check_parameters(&given)?;
    let arn = TargetArn::parse(&given.arn).ok_or_else(|| {
        AwsError::validation(format!(
            "Parameter {} is not valid. Reason: Provided Arn is not in correct format.",
            given.arn
        ))
    })?;
    check_served(cx, &arn).await?;
    rule::check_role(cx, given.role_arn.as_deref())?;
    if arn.service() == "sqs" && arn.resource().ends_with(".fifo") && given.sqs_parameters.is_none() {
        let message = format!("Parameter(s) SqsParameters must be specified for target: {id}.");
        return Err(AwsError::validation(message));
    }
    let is_api_destination = arn.resource().starts_with("api-destination/");
    if given.http_parameters.is_some() && !is_api_destination {
        // It has them for methods of API Gateway too, which are not served.
        return Err(not_served("HttpParameters beside an API destination"));
    }
    if (arn.service() == "kinesis" || is_api_destination) && given.role_arn.is_none() {
        return Err(AwsError::validation(format!("RoleArn is required for target {}.", given.arn)));
    }
    check_input(id, &given)?;
    let dead_letters = given.dead_letter_config.and_then(|config| config.arn);
    let is_queue = |arn: &String| TargetArn::parse(arn).is_some_and(|arn| arn.service() == "sqs");
    if let Some(arn) = dead_letters.as_ref().filter(|arn| !is_queue(arn) || arn.ends_with(".fifo")) {
        let message =
            format!("Invalid DeadLetterConfig Arn {arn} for target {id}: it is no standard queue of SQS.");
        return Err(AwsError::validation(message));
    }
    Ok(Target {
        arn: given.arn,
        role: given.role_arn,
        input: given.input,
        input_path: given.input_path.filter(|path| !path.is_empty()),
        transformer: given.input_transformer.map(|transformer| Transformer {
            paths: transformer.input_paths_map.unwrap_or_default(),
            template: transformer.input_template,
        }),
        message_group: given.sqs_parameters.and_then(|sqs| sqs.message_group_id),
        partition_key_path: given.kinesis_parameters.map(|kinesis| kinesis.partition_key_path),
        http: given.http_parameters.map(|http| HttpParameters {
            path: http.path_parameter_values.unwrap_or_default(),
            headers: http.header_parameters.unwrap_or_default(),
            query: http.query_string_parameters.unwrap_or_default(),
        }),
        dead_letters,
        retry: given.retry_policy.map(|retry| Retry {
            attempts: retry.maximum_retry_attempts.and_then(|attempts| attempts.try_into().ok()),
            age_s: retry.maximum_event_age_in_seconds.and_then(|age| age.try_into().ok()),
        }),
    })
}

/// Whether somebody here could receive; that the very target is there AWS does not ask.
async fn check_served(cx: &Ctx, arn: &TargetArn) -> Result<()> {
    // Logs are written as any client does it; buses and API destinations are our own.
    if matches!(arn.service(), "logs" | "events") {
        let begins: &[&str] =
            if arn.service() == "logs" { &["log-group:"] } else { &["event-bus/", "api-destination/"] };
        let is_one = begins.iter().any(|begin| arn.resource().starts_with(begin));
        return if is_one { Ok(()) } else { Err(not_served(arn.resource())) };
    }
    let is_target = matches!(arn.service(), "lambda" | "sqs" | "sns" | "kinesis");
    match cx.check_target(arn).await {
        Err(Undelivered::NotServed { service }) => Err(not_served(&service)),
        _ if !is_target => Err(not_served(arn.service())),
        _ => Ok(()),
    }
}

fn not_served(what: &str) -> AwsError {
    AwsError::parameter_not_implemented("PutTargets", &format!("targets of {what}, which it does not serve,"))
}

fn check_parameters(given: &api::Target) -> Result<()> {
    let refused = [
        ("RunCommandParameters", given.run_command_parameters.is_some()),
        ("EcsParameters", given.ecs_parameters.is_some()),
        ("BatchParameters", given.batch_parameters.is_some()),
        ("RedshiftDataParameters", given.redshift_data_parameters.is_some()),
        ("SageMakerPipelineParameters", given.sage_maker_pipeline_parameters.is_some()),
        ("AppSyncParameters", given.app_sync_parameters.is_some()),
    ];
    match refused.iter().find(|(_, is_there)| *is_there) {
        Some((parameter, _)) => Err(AwsError::parameter_not_implemented("PutTargets", parameter)),
        None => Ok(()),
    }
}

fn check_input(id: &str, given: &api::Target) -> Result<()> {
    let count = usize::from(given.input.is_some())
        + usize::from(given.input_path.is_some())
        + usize::from(given.input_transformer.is_some());
    if count > 1 {
        return Err(AwsError::validation(format!(
            "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
        )));
    }
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if given.input.as_deref().is_some_and(|input| !is_json(input)) {
        return Err(AwsError::validation(format!("JSON syntax error in input for target {id}.")));
    }
    let bad_path = |path: &&String| !path.is_empty() && Path::parse(path).is_none();
    if let Some(path) = given.input_path.as_ref().filter(bad_path) {
        return Err(AwsError::validation(format!("InputPath for target {id} is invalid: {path}.")));
    }
    let Some(transformer) = &given.input_transformer else { return Ok(()) };
    let paths = transformer.input_paths_map.iter().flatten();
    for (name, path) in paths {
        if Path::parse(path).is_none() {
            return Err(AwsError::validation(format!("InputPath for target {id} is invalid: {path}.")));
        }
        if name.to_ascii_lowercase().starts_with("aws.") {
            return Err(AwsError::validation(format!(
                "InputPathsMap for target {id} contains the reserved name {name}."
            )));
        }
    }
    let known = |name: &&str| {
        input::is_predefined(name)
            || transformer.input_paths_map.as_ref().is_some_and(|paths| paths.contains_key(*name))
    };
    match input::placeholders(&transformer.input_template).find(|name| !known(name)) {
        Some(name) => Err(AwsError::validation(format!(
            "InputTemplate for target {id} contains invalid placeholder {name}."
        ))),
        None => Ok(()),
    }
}
