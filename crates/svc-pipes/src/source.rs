//! A pipe's source: what it may be, and how it is read.

use api_pipes as api;
use aws_wire::{AwsError, Result};
use env::Timestamp;
use event_sources::{MappingSettings, Pollers, SourceKind};

use crate::pipe::invalid;

const FILTERS_MAX: usize = 5;
/// Of a queue's batch, unless it waits for more; of a FIFO queue's always.
const QUEUE_BATCH_MAX: i32 = 10;
const BATCH_OF_QUEUE: i32 = 10;
const BATCH_OF_STREAM: i32 = 100;

/// The members that all parameters of streams have.
macro_rules! of_stream {
    ($stream:expr) => {
        MappingSettings {
            batch_size: $stream.batch_size,
            batching_window_s: $stream.maximum_batching_window_in_seconds,
            parallelization_factor: $stream.parallelization_factor,
            on_failure: $stream.dead_letter_config.and_then(|config| config.arn),
            record_age_max_s: $stream.maximum_record_age_in_seconds,
            retries_max: $stream.maximum_retry_attempts,
            bisect_on_error: $stream.on_partial_batch_item_failure.map(|_| true),
            ..MappingSettings::default()
        }
    };
}
/// The kind of source that an ARN names.
///
/// # Errors
/// 400 for what can't be one, 501 for what nothing here polls.
pub(crate) fn kind(operation: &str, arn: &str) -> Result<SourceKind> {
    if arn.starts_with("smk://") {
        return Err(AwsError::parameter_not_implemented(operation, "a Source of Apache Kafka"));
    }
    let kind = SourceKind::of_arn(arn).ok_or_else(|| invalid(format!("Source {arn} is not supported.")))?;
    match Pollers::polls(kind) {
        true => Ok(kind),
        false => Err(AwsError::parameter_not_implemented(operation, &format!("a Source of {}", kind.name()))),
    }
}

/// What a request says of a source.
///
/// # Errors
/// 400 for what does not suit the source.
pub(crate) fn settings(
    kind: SourceKind,
    arn: &str,
    given: Option<api::PipeSourceParameters>,
) -> Result<MappingSettings> {
    let given = given.unwrap_or_default();
    check_others(
        kind,
        given.sqs_queue_parameters.is_some(),
        given.kinesis_stream_parameters.is_some(),
        given.dynamo_db_stream_parameters.is_some(),
        given.active_mq_broker_parameters.is_some()
            || given.rabbit_mq_broker_parameters.is_some()
            || given.managed_streaming_kafka_parameters.is_some()
            || given.self_managed_kafka_parameters.is_some(),
    )?;
    let settings = match kind {
        SourceKind::Sqs => given.sqs_queue_parameters.map(|queue| MappingSettings {
            batch_size: queue.batch_size,
            batching_window_s: queue.maximum_batching_window_in_seconds,
            ..MappingSettings::default()
        }),
        SourceKind::Kinesis => given.kinesis_stream_parameters.map(|stream| MappingSettings {
            starting_position: Some(stream.starting_position.as_str().to_owned()),
            starting_at_us: stream.starting_position_timestamp.map(Timestamp::as_micros),
            ..of_stream!(stream)
        }),
        _ => given.dynamo_db_stream_parameters.map(|stream| MappingSettings {
            starting_position: Some(stream.starting_position.as_str().to_owned()),
            ..of_stream!(stream)
        }),
    };
    if settings.is_none() && kind != SourceKind::Sqs {
        return Err(invalid("SourceParameters with a StartingPosition are required for streams."));
    }
    let mut settings = settings.unwrap_or_default();
    settings.filters = given.filter_criteria.map(filters);
    check(kind, arn, &settings)?;
    Ok(settings)
}

/// What an update says anew of a source; what it does not say stays.
///
/// # Errors
/// Those of [`settings`].
pub(crate) fn updated(
    kind: SourceKind,
    arn: &str,
    before: &MappingSettings,
    given: Option<api::UpdatePipeSourceParameters>,
) -> Result<MappingSettings> {
    let Some(given) = given else { return Ok(before.clone()) };
    check_others(
        kind,
        given.sqs_queue_parameters.is_some(),
        given.kinesis_stream_parameters.is_some(),
        given.dynamo_db_stream_parameters.is_some(),
        given.active_mq_broker_parameters.is_some()
            || given.rabbit_mq_broker_parameters.is_some()
            || given.managed_streaming_kafka_parameters.is_some()
            || given.self_managed_kafka_parameters.is_some(),
    )?;
    let newer = match kind {
        SourceKind::Sqs => given.sqs_queue_parameters.map(|queue| MappingSettings {
            batch_size: queue.batch_size,
            batching_window_s: queue.maximum_batching_window_in_seconds,
            ..MappingSettings::default()
        }),
        SourceKind::Kinesis => given.kinesis_stream_parameters.map(|stream| of_stream!(stream)),
        _ => given.dynamo_db_stream_parameters.map(|stream| of_stream!(stream)),
    };
    let mut settings = before.clone().updated(newer.unwrap_or_default());
    if let Some(criteria) = given.filter_criteria {
        settings.filters = Some(filters(criteria));
    }
    check(kind, arn, &settings)?;
    Ok(settings)
}

fn filters(criteria: api::FilterCriteria) -> Vec<String> {
    let filters = criteria.filters.into_iter().flatten();
    filters.map(|filter| filter.pattern.unwrap_or_default()).collect()
}

fn check_others(kind: SourceKind, queue: bool, kinesis: bool, dynamodb: bool, others: bool) -> Result<()> {
    let cases = [
        ("SqsQueueParameters", queue, kind == SourceKind::Sqs),
        ("KinesisStreamParameters", kinesis, kind == SourceKind::Kinesis),
        ("DynamoDBStreamParameters", dynamodb, kind == SourceKind::DynamoDb),
        ("Parameters of brokers", others, false),
    ];
    match cases.iter().find(|(_, given, wanted)| *given && !wanted) {
        Some((name, ..)) => Err(invalid(format!("{name} do not suit the source."))),
        None => Ok(()),
    }
}

fn check(kind: SourceKind, arn: &str, settings: &MappingSettings) -> Result<()> {
    let (batch, window) = (settings.batch_size.unwrap_or(0), settings.batching_window_s.unwrap_or(0));
    if kind == SourceKind::Sqs && arn.ends_with(".fifo") && (window > 0 || batch > QUEUE_BATCH_MAX) {
        return Err(invalid("FIFO queues have no batching window, and batches of 10 at most."));
    }
    if kind == SourceKind::Sqs && batch > QUEUE_BATCH_MAX && window == 0 {
        return Err(invalid(
            "MaximumBatchingWindowInSeconds must be greater than 0 if BatchSize is greater than 10.",
        ));
    }
    let at_time = settings.starting_position.as_deref() == Some("AT_TIMESTAMP");
    if at_time != settings.starting_at_us.is_some() {
        return Err(invalid("StartingPositionTimestamp belongs to StartingPosition AT_TIMESTAMP."));
    }
    if settings.record_age_max_s.is_some_and(|age| (0..60).contains(&age)) {
        return Err(invalid("MaximumRecordAgeInSeconds must be -1 or between 60 and 604800."));
    }
    if let Some(to) = settings.on_failure.as_deref() {
        let service = to.split(':').nth(2);
        if !matches!(service, Some("sqs" | "sns")) || to.ends_with(".fifo") {
            return Err(invalid("The dead-letter target must be a standard queue or topic."));
        }
    }
    let filters = settings.filters.as_deref().unwrap_or_default();
    if filters.len() > FILTERS_MAX {
        return Err(invalid(format!("Filter criteria can have at most {FILTERS_MAX} filters.")));
    }
    match filters.iter().all(|pattern| event_sources::is_pattern(pattern)) {
        true => Ok(()),
        false => Err(invalid("Invalid filter pattern definition.")),
    }
}

/// As DescribePipe shows them, with AWS's defaults.
pub(crate) fn shown(kind: SourceKind, settings: &MappingSettings) -> api::PipeSourceParameters {
    let window = Some(settings.batching_window_s.unwrap_or(0));
    let dead_letters = settings.on_failure.clone();
    let dead_letters = dead_letters.map(|arn| api::DeadLetterConfig { arn: Some(arn) });
    let bisect = settings.bisect_on_error.filter(|bisect| *bisect);
    let bisect = bisect.map(|_| api::OnPartialBatchItemFailureStreams::AutomaticBisect);
    let position = settings.starting_position.as_deref().unwrap_or_default();
    let filters = settings.filters.as_ref().map(|filters| api::FilterCriteria {
        filters: Some(filters.iter().map(|p| api::Filter { pattern: Some(p.clone()) }).collect()),
    });
    let mut shown = api::PipeSourceParameters { filter_criteria: filters, ..Default::default() };
    match kind {
        SourceKind::Sqs => {
            shown.sqs_queue_parameters = Some(api::PipeSourceSqsQueueParameters {
                batch_size: Some(settings.batch_size.unwrap_or(BATCH_OF_QUEUE)),
                maximum_batching_window_in_seconds: window,
            });
        }
        SourceKind::Kinesis => {
            shown.kinesis_stream_parameters = Some(api::PipeSourceKinesisStreamParameters {
                batch_size: Some(settings.batch_size.unwrap_or(BATCH_OF_STREAM)),
                dead_letter_config: dead_letters,
                on_partial_batch_item_failure: bisect,
                maximum_batching_window_in_seconds: window,
                maximum_record_age_in_seconds: Some(settings.record_age_max_s.unwrap_or(-1)),
                maximum_retry_attempts: Some(settings.retries_max.unwrap_or(-1)),
                parallelization_factor: Some(settings.parallelization_factor.unwrap_or(1)),
                starting_position: position.parse().unwrap_or_default(),
                starting_position_timestamp: settings.starting_at_us.map(Timestamp::from_micros),
            });
        }
        _ => {
            shown.dynamo_db_stream_parameters = Some(api::PipeSourceDynamoDBStreamParameters {
                batch_size: Some(settings.batch_size.unwrap_or(BATCH_OF_STREAM)),
                dead_letter_config: dead_letters,
                on_partial_batch_item_failure: bisect,
                maximum_batching_window_in_seconds: window,
                maximum_record_age_in_seconds: Some(settings.record_age_max_s.unwrap_or(-1)),
                maximum_retry_attempts: Some(settings.retries_max.unwrap_or(-1)),
                parallelization_factor: Some(settings.parallelization_factor.unwrap_or(1)),
                starting_position: position.parse().unwrap_or_default(),
            });
        }
    }
    shown
}
