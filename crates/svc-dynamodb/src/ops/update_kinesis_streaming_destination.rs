//! `UpdateKinesisStreamingDestination`: how precisely records tell the time.

use api_dynamodb::{
    ApproximateCreationDateTimePrecision, DestinationStatus, UpdateKinesisStreamingDestinationInput,
    UpdateKinesisStreamingDestinationOutput,
};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::TABLES;
use crate::ops::disable_kinesis_streaming_destination::active;
use crate::table;

pub(crate) async fn update_kinesis_streaming_destination(
    cx: Ctx,
    input: UpdateKinesisStreamingDestinationInput,
) -> Result<UpdateKinesisStreamingDestinationOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    let configuration = input.update_kinesis_streaming_configuration;
    let precision = configuration.as_ref().and_then(|set| set.approximate_creation_date_time_precision);
    let precision = precision.ok_or_else(|| {
        AwsError::validation(
            "UpdateKinesisStreamingConfiguration must have ApproximateCreationDateTimePrecision",
        )
    })?;
    cx.kv
        .transact(|tx| {
            let mut table = table::open(tx, &key)?;
            let destination = active(&mut table, &input.stream_arn, "update", "UPDATE")?;
            destination.micros = precision == ApproximateCreationDateTimePrecision::Microsecond;
            table.version += 1;
            Ok::<_, AwsError>(TABLES.put(tx, &key, &table)?)
        })
        .await?;
    Ok(UpdateKinesisStreamingDestinationOutput {
        table_name: Some(key.2),
        stream_arn: Some(input.stream_arn),
        destination_status: Some(DestinationStatus::Updating),
        update_kinesis_streaming_configuration: configuration,
    })
}
