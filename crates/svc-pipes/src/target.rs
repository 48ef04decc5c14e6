//! A pipe's target: its record, and what it may be.

use api_pipes as api;
use aws_wire::{AwsError, Result};
use serde::{Deserialize, Serialize};
use service::{TargetArn, Undelivered};

use crate::enrichment::filled;
use crate::pipe::invalid;
use crate::{Ctx, event};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    pub arn: String,
    #[serde(default)]
    pub template: Option<String>,
    /// Whether a function's answer is waited for.
    #[serde(default)]
    pub waits: bool,
    /// The following may be paths into the event.
    #[serde(default)]
    pub partition_key: Option<String>,
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub deduplication: Option<String>,
    #[serde(default)]
    pub event: Option<BusEvent>,
    #[serde(default)]
    pub log: Option<Log>,
}

/// What a bus is told beside the detail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BusEvent {
    pub detail_type: Option<String>,
    pub source: Option<String>,
    pub resources: Option<Vec<String>>,
    /// Always a path.
    pub time: Option<String>,
}

/// Where in a log group a line goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Log {
    pub stream: Option<String>,
    /// Always a path.
    pub timestamp: Option<String>,
}

/// What a request makes of a target.
///
/// # Errors
/// 400 for what can't be one, 501 for what is not served.
pub(crate) async fn check(
    cx: &Ctx,
    operation: &str,
    arn: String,
    given: Option<api::PipeTargetParameters>,
) -> Result<Target> {
    let given = given.unwrap_or_default();
    refuse_unserved(operation, &given)?;
    let parsed = TargetArn::parse(&arn).ok_or_else(|| invalid(format!("Target {arn} is not valid.")))?;
    check_served(cx, operation, &parsed).await?;
    check_parameters(&given, &parsed)?;
    event::check_template(given.input_template.as_deref())?;
    let lambda = given.lambda_function_parameters.unwrap_or_default();
    let queue = given.sqs_queue_parameters.unwrap_or_default();
    let event = given.event_bridge_event_bus_parameters.map(|event| BusEvent {
        detail_type: event.detail_type,
        source: event.source,
        resources: event.resources,
        time: event.time,
    });
    let log = given.cloud_watch_logs_parameters;
    let log = log.map(|log| Log { stream: log.log_stream_name, timestamp: log.timestamp });
    let target = Target {
        arn,
        template: filled(given.input_template),
        waits: lambda.invocation_type != Some(api::PipeTargetInvocationType::FireAndForget),
        partition_key: given.kinesis_stream_parameters.map(|stream| stream.partition_key),
        group: queue.message_group_id,
        deduplication: queue.message_deduplication_id,
        event,
        log,
    };
    target.check_paths()?;
    Ok(target)
}

fn refuse_unserved(operation: &str, given: &api::PipeTargetParameters) -> Result<()> {
    let endpoint = given.event_bridge_event_bus_parameters.as_ref();
    let refused = [
        ("StepFunctionStateMachineParameters", given.step_function_state_machine_parameters.is_some()),
        ("EcsTaskParameters", given.ecs_task_parameters.is_some()),
        ("BatchJobParameters", given.batch_job_parameters.is_some()),
        ("HttpParameters", given.http_parameters.is_some()),
        ("RedshiftDataParameters", given.redshift_data_parameters.is_some()),
        ("SageMakerPipelineParameters", given.sage_maker_pipeline_parameters.is_some()),
        ("TimestreamParameters", given.timestream_parameters.is_some()),
        ("EndpointId", endpoint.is_some_and(|event| event.endpoint_id.is_some())),
    ];
    match refused.iter().find(|(_, is_there)| *is_there) {
        Some((parameter, _)) => Err(AwsError::parameter_not_implemented(operation, parameter)),
        None => Ok(()),
    }
}

/// Whether somebody here could receive. That the very target is there shows when it is sent to.
async fn check_served(cx: &Ctx, operation: &str, arn: &TargetArn) -> Result<()> {
    let not_served = |what: &str| {
        let what = format!("targets of {what}, which it does not serve,");
        AwsError::parameter_not_implemented(operation, &what)
    };
    let (service, resource) = (arn.service(), arn.resource());
    let own = arn.account() == &*cx.caller.account && arn.region() == &*cx.caller.region;
    match service {
        // They are called, not sent to; in the pipe's own account and region, as AWS has it for buses.
        "events" if resource.starts_with("event-bus/") && own => return Ok(()),
        "logs" if resource.starts_with("log-group:") && own => return Ok(()),
        "events" if resource.starts_with("event-bus/") => {}
        "logs" if resource.starts_with("log-group:") => {}
        "events" => return Err(not_served("API destinations")),
        "lambda" | "sqs" | "sns" | "kinesis" => match cx.check_target(arn).await {
            Err(Undelivered::NotServed { service }) => return Err(not_served(&service)),
            Err(Undelivered::Invalid(_)) => {}
            _ => return Ok(()),
        },
        other => return Err(not_served(other)),
    }
    Err(invalid(format!("Target {arn} is not valid.")))
}

fn check_parameters(given: &api::PipeTargetParameters, arn: &TargetArn) -> Result<()> {
    let service = arn.service();
    let cases = [
        ("LambdaFunctionParameters", given.lambda_function_parameters.is_some(), "lambda"),
        ("KinesisStreamParameters", given.kinesis_stream_parameters.is_some(), "kinesis"),
        ("SqsQueueParameters", given.sqs_queue_parameters.is_some(), "sqs"),
        ("EventBridgeEventBusParameters", given.event_bridge_event_bus_parameters.is_some(), "events"),
        ("CloudWatchLogsParameters", given.cloud_watch_logs_parameters.is_some(), "logs"),
    ];
    if let Some((name, ..)) = cases.iter().find(|(_, is_there, of)| *is_there && *of != service) {
        return Err(invalid(format!("{name} do not suit the target.")));
    }
    let is_fifo = arn.resource().ends_with(".fifo");
    match service {
        "kinesis" if given.kinesis_stream_parameters.is_none() => {
            Err(invalid("KinesisStreamParameters with a PartitionKey are required for streams."))
        }
        // docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-target.html
        "sns" if is_fifo => Err(invalid("FIFO topics are not supported as targets.")),
        "sqs"
            if is_fifo
                && given
                    .sqs_queue_parameters
                    .as_ref()
                    .is_none_or(|queue| queue.message_group_id.is_none()) =>
        {
            Err(invalid("SqsQueueParameters with a MessageGroupId are required for FIFO queues."))
        }
        _ => Ok(()),
    }
}

impl Target {
    fn check_paths(&self) -> Result<()> {
        event::check_parameter("PartitionKey", self.partition_key.as_deref())?;
        event::check_parameter("MessageGroupId", self.group.as_deref())?;
        event::check_parameter("MessageDeduplicationId", self.deduplication.as_deref())?;
        if let Some(event) = &self.event {
            event::check_parameter("DetailType", event.detail_type.as_deref())?;
            event::check_parameter("Source", event.source.as_deref())?;
            event::check_parameter("Time", event.time.as_deref())?;
            let mut resources = event.resources.iter().flatten();
            resources.try_for_each(|resource| event::check_parameter("Resources", Some(resource)))?;
        }
        if let Some(log) = &self.log {
            event::check_parameter("LogStreamName", log.stream.as_deref())?;
            event::check_parameter("Timestamp", log.timestamp.as_deref())?;
        }
        Ok(())
    }

    pub(crate) fn shown(&self) -> api::PipeTargetParameters {
        let service = self.arn.split(':').nth(2);
        let invocation = match self.waits {
            true => api::PipeTargetInvocationType::RequestResponse,
            false => api::PipeTargetInvocationType::FireAndForget,
        };
        let queue = self.group.is_some() || self.deduplication.is_some();
        api::PipeTargetParameters {
            input_template: self.template.clone(),
            lambda_function_parameters: (service == Some("lambda"))
                .then_some(api::PipeTargetLambdaFunctionParameters { invocation_type: Some(invocation) }),
            kinesis_stream_parameters: self
                .partition_key
                .clone()
                .map(|partition_key| api::PipeTargetKinesisStreamParameters { partition_key }),
            sqs_queue_parameters: queue.then(|| api::PipeTargetSqsQueueParameters {
                message_group_id: self.group.clone(),
                message_deduplication_id: self.deduplication.clone(),
            }),
            event_bridge_event_bus_parameters: self.event.clone().map(|event| {
                api::PipeTargetEventBridgeEventBusParameters {
                    endpoint_id: None,
                    detail_type: event.detail_type,
                    source: event.source,
                    resources: event.resources,
                    time: event.time,
                }
            }),
            cloud_watch_logs_parameters: self.log.clone().map(|log| {
                api::PipeTargetCloudWatchLogsParameters {
                    log_stream_name: log.stream,
                    timestamp: log.timestamp,
                }
            }),
            ..api::PipeTargetParameters::default()
        }
    }
}
