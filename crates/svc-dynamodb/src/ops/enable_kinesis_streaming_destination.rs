//! `EnableKinesisStreamingDestination`: from now on a table's changes go to a Kinesis stream too.

use api_dynamodb::{
    ApproximateCreationDateTimePrecision, DestinationStatus, EnableKinesisStreamingDestinationInput,
    KinesisStreamingDestinationOutput, errors,
};
use aws_wire::{AwsError, Result};
use service::{TargetArn, Undelivered};

use crate::Ctx;
use crate::keys::TABLES;
use crate::table::{self, Destination};

pub(crate) async fn enable_kinesis_streaming_destination(
    cx: Ctx,
    input: EnableKinesisStreamingDestinationInput,
) -> Result<KinesisStreamingDestinationOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    check_stream(&cx, &input.stream_arn).await?;
    let configuration = input.enable_kinesis_streaming_configuration;
    let precision = configuration.as_ref().and_then(|set| set.approximate_creation_date_time_precision);
    let destination = Destination {
        stream_arn: input.stream_arn.clone(),
        enabled: true,
        micros: precision == Some(ApproximateCreationDateTimePrecision::Microsecond),
    };
    cx.kv
        .transact(|tx| {
            let mut table = table::open(tx, &key)?;
            if table.destination().is_some() {
                return Err(AwsError::validation(
                    "Table is not in a valid state to enable Kinesis Streaming Destination: KinesisStreamingDestination must \
                     be DISABLED or ENABLE_FAILED to perform ENABLE operation.",
                ));
            }
            table.destinations.retain(|known| known.stream_arn != destination.stream_arn);
            table.destinations.push(destination.clone());
            // Whoever is writing by the record of before begins anew.
            table.version += 1;
            Ok(TABLES.put(tx, &key, &table)?)
        })
        .await?;
    Ok(KinesisStreamingDestinationOutput {
        table_name: Some(key.2),
        stream_arn: Some(input.stream_arn),
        destination_status: Some(DestinationStatus::Enabling),
        enable_kinesis_streaming_configuration: configuration,
    })
}

/// # Errors
/// `ValidationException` for what is no stream, `ResourceNotFoundException` without it.
async fn check_stream(cx: &Ctx, arn: &str) -> Result<()> {
    let invalid = || AwsError::validation(format!("Invalid StreamArn: {arn}"));
    let target = TargetArn::parse(arn).filter(|target| target.service() == "kinesis").ok_or_else(invalid)?;
    match cx.check_target(&target).await {
        Ok(()) => Ok(()),
        Err(Undelivered::NotServed { .. }) => {
            Err(AwsError::parameter_not_implemented("EnableKinesisStreamingDestination", "StreamArn"))
        }
        Err(Undelivered::NotFound(_)) => Err(errors::resource_not_found_exception(format!(
            "Requested resource not found: Stream: {arn} not found"
        ))),
        Err(Undelivered::Throttled | Undelivered::Failed(_)) => {
            Err(AwsError::internal("the stream can't be looked up"))
        }
        Err(Undelivered::Invalid(_) | Undelivered::Denied(_) | Undelivered::TooLarge { .. }) => {
            Err(invalid())
        }
    }
}
