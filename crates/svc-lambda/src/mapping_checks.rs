//! Which settings a mapping of each kind of source may have, and their bounds, in AWS's words where they are known.

use api_lambda::errors;
use aws_wire::{AwsError, Result};

use crate::event_source::SourceKind;
use crate::event_source_mapping::Source;
use crate::filter_pattern;
use crate::mapping_settings::{MappingSettings, Pollers};

const FILTERS_MAX: usize = 5;
/// Of an SQS queue's batch, unless it waits for more; of a FIFO queue's always.
const QUEUE_BATCH_MAX: i32 = 10;

impl MappingSettings {
    /// Checks everything against the source.
    ///
    /// # Errors
    /// 400 in AWS's words where they are known.
    pub(crate) fn check(&self, source: &Source) -> Result<()> {
        self.check_supported(source.kind)?;
        match source.kind {
            SourceKind::Sqs => self.check_queue(source)?,
            SourceKind::Kinesis | SourceKind::DynamoDb => self.check_stream(source)?,
            SourceKind::ManagedKafka | SourceKind::SelfManagedKafka => self.check_kafka(source.kind)?,
            SourceKind::Mq | SourceKind::DocumentDb => self.check_broker(source.kind)?,
        }
        self.check_bounds()?;
        self.check_destination(source.kind)?;
        let filters = self.filters.as_deref().unwrap_or_default();
        if filters.len() > FILTERS_MAX {
            return Err(invalid(format!("Filter criteria can have at most {FILTERS_MAX} filters.")));
        }
        filters.iter().try_for_each(|pattern| filter_pattern::check(pattern))
    }

    /// # Errors
    /// 400 for a setting that this kind of source has not.
    fn check_supported(&self, kind: SourceKind) -> Result<()> {
        let (queue, stream, kafka) = (kind == SourceKind::Sqs, kind.is_stream(), kind.is_kafka());
        // Kafka's retries are bounded only where pollers are provisioned.
        let retries = stream || kafka && self.provisioned();
        let cases = [
            ("ParallelizationFactor", self.parallelization_factor.is_some(), stream),
            ("TumblingWindowInSeconds", self.tumbling_window_s.is_some(), stream),
            (
                "StartingPosition",
                self.starting_position.is_some(),
                stream || kafka || kind == SourceKind::DocumentDb,
            ),
            (
                "StartingPositionTimestamp",
                self.starting_at_us.is_some(),
                kind != SourceKind::Sqs && kind != SourceKind::Mq,
            ),
            ("DestinationConfig", self.on_failure.as_ref().is_some_and(|to| !to.is_empty()), stream || kafka),
            ("MaximumRecordAgeInSeconds", self.record_age_max_s.is_some(), retries),
            ("MaximumRetryAttempts", self.retries_max.is_some(), retries),
            ("BisectBatchOnFunctionError", self.bisect_on_error.is_some(), retries),
            ("FunctionResponseTypes", self.reports_item_failures == Some(true), queue || retries),
            ("ScalingConfig", self.concurrency_max.is_some_and(|max| max > 0), queue),
            ("ProvisionedPollerConfig", self.provisioned(), queue || kafka),
            (
                "SourceAccessConfigurations",
                self.access.as_ref().is_some_and(|access| !access.is_empty()),
                !queue && !stream,
            ),
            ("ConsumerGroupId", self.consumer_group.is_some(), kafka),
            ("ConsumptionMode", self.consumption_mode.is_some(), kind == SourceKind::SelfManagedKafka),
            ("DocumentDBEventSourceConfig", self.document_db.is_some(), kind == SourceKind::DocumentDb),
        ];
        match cases.iter().find(|(_, given, has)| *given && !has) {
            Some((name, ..)) => Err(unsupported(name)),
            None => Ok(()),
        }
    }

    fn provisioned(&self) -> bool {
        self.pollers.as_ref().is_some_and(|pollers| !pollers.is_none())
    }

    fn check_queue(&self, source: &Source) -> Result<()> {
        let (batch, window) = (self.batch_size.unwrap_or(0), self.batching_window_s.unwrap_or(0));
        if source.arn.as_ref().is_some_and(|arn| arn.ends_with(".fifo")) {
            if window > 0 {
                return Err(invalid("Batching window is not supported for FIFO queues."));
            }
            if batch > QUEUE_BATCH_MAX {
                return Err(invalid("Maximum batch size for FIFO queues is 10."));
            }
        }
        if batch > QUEUE_BATCH_MAX && window == 0 {
            return Err(invalid(
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            ));
        }
        if self.concurrency_max.is_some_and(|max| max > 0) && self.provisioned() {
            return Err(invalid("ScalingConfig and ProvisionedPollerConfig can not be used together."));
        }
        Ok(())
    }

    fn check_stream(&self, source: &Source) -> Result<()> {
        self.check_position()?;
        if source.kind == SourceKind::DynamoDb && self.starting_position.as_deref() == Some("AT_TIMESTAMP") {
            let arn = source.arn.as_deref().unwrap_or_default();
            return Err(invalid(format!("Unsupported starting position for arn type: {arn}")));
        }
        Ok(())
    }

    fn check_position(&self) -> Result<()> {
        let Some(position) = self.starting_position.as_deref() else {
            return Err(invalid(
                "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must \
                 not be null.",
            ));
        };
        self.check_timestamp(position)
    }

    fn check_timestamp(&self, position: &str) -> Result<()> {
        match (position == "AT_TIMESTAMP", self.starting_at_us) {
            (true, None) => {
                Err(invalid("StartingPositionTimestamp is required for StartingPosition AT_TIMESTAMP."))
            }
            (false, Some(_)) => {
                Err(invalid("StartingPositionTimestamp is only supported for StartingPosition AT_TIMESTAMP."))
            }
            _ => Ok(()),
        }
    }

    fn check_kafka(&self, kind: SourceKind) -> Result<()> {
        self.starting_position.as_deref().map(|position| self.check_timestamp(position)).transpose()?;
        let access = self.access.as_deref().unwrap_or_default();
        if kind == SourceKind::SelfManagedKafka && access.is_empty() {
            return Err(missing("sourceAccessConfigurations"));
        }
        let known = |name: &str| name != "VIRTUAL_HOST";
        check_access(access, known)
    }

    fn check_broker(&self, kind: SourceKind) -> Result<()> {
        let access = self.access.as_deref().unwrap_or_default();
        if !access.iter().any(|(name, _)| name == "BASIC_AUTH") {
            return Err(missing("sourceAccessConfigurations"));
        }
        if kind == SourceKind::DocumentDb {
            self.check_position()?;
            let config = self.document_db.as_ref().ok_or_else(|| missing("documentDBEventSourceConfig"))?;
            if config.database.is_none() {
                return Err(missing("databaseName"));
            }
            return check_access(access, |name| name == "BASIC_AUTH");
        }
        check_access(access, |name| matches!(name, "BASIC_AUTH" | "VIRTUAL_HOST"))
    }

    fn check_bounds(&self) -> Result<()> {
        if self.record_age_max_s.is_some_and(|age| (0..60).contains(&age)) {
            return Err(invalid("MaximumRecordAgeInSeconds must be -1 or between 60 and 604800."));
        }
        if let Some(Pollers { min: Some(min), max: Some(max), .. }) = self.pollers
            && min > max
        {
            return Err(invalid("MinimumPollers must not be greater than MaximumPollers."));
        }
        Ok(())
    }

    fn check_destination(&self, kind: SourceKind) -> Result<()> {
        let Some(to) = self.on_failure.as_deref().filter(|to| !to.is_empty()) else { return Ok(()) };
        let known = match to.split(':').nth(2) {
            Some("sqs" | "sns") => !to.ends_with(".fifo"),
            Some("s3") => true,
            _ => kind.is_kafka() && to.starts_with("kafka://"),
        };
        if known { Ok(()) } else { Err(invalid(format!("The destination ARN {to} is invalid."))) }
    }
}

fn check_access(access: &[(String, String)], known: impl Fn(&str) -> bool) -> Result<()> {
    match access.iter().find(|(kind, uri)| !known(kind) || uri.is_empty()) {
        Some((kind, _)) => Err(invalid(format!("Unsupported source access configuration: {kind}"))),
        None => Ok(()),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    errors::invalid_parameter_value_exception(message)
}

fn missing(parameter: &str) -> AwsError {
    invalid(format!("Required '{parameter}' parameter is missing."))
}

pub(crate) fn unsupported(parameter: &str) -> AwsError {
    invalid(format!("Unsupported {parameter} parameter for given event source mapping type."))
}
