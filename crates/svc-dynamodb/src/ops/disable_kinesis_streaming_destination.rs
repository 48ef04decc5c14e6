//! `DisableKinesisStreamingDestination`: changes from now on do not go to the stream; those of before still do.

use api_dynamodb::{
    DestinationStatus, DisableKinesisStreamingDestinationInput, KinesisStreamingDestinationOutput, errors,
};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::TABLES;
use crate::table::{self, Destination, TableRecord};

pub(crate) async fn disable_kinesis_streaming_destination(
    cx: Ctx,
    input: DisableKinesisStreamingDestinationInput,
) -> Result<KinesisStreamingDestinationOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    cx.kv
        .transact(|tx| {
            let mut table = table::open(tx, &key)?;
            active(&mut table, &input.stream_arn, "disable", "DISABLE")?.enabled = false;
            table.version += 1;
            Ok::<_, AwsError>(TABLES.put(tx, &key, &table)?)
        })
        .await?;
    Ok(KinesisStreamingDestinationOutput {
        table_name: Some(key.2),
        stream_arn: Some(input.stream_arn),
        destination_status: Some(DestinationStatus::Disabling),
        enable_kinesis_streaming_configuration: input.enable_kinesis_streaming_configuration,
    })
}

/// The table's destination of this stream, which is to be enabled.
///
/// # Errors
/// `ResourceNotFoundException` when there never was one, `ValidationException` when it is not enabled.
pub(crate) fn active<'t>(
    table: &'t mut TableRecord,
    stream_arn: &str,
    verb: &str,
    operation: &str,
) -> Result<&'t mut Destination> {
    let found = table.destinations.iter_mut().find(|destination| destination.stream_arn == stream_arn);
    let found = found.ok_or_else(|| {
        errors::resource_not_found_exception(format!(
            "Requested resource not found: No destination {stream_arn} of this table"
        ))
    })?;
    if !found.enabled {
        return Err(AwsError::validation(format!(
            "Table is not in a valid state to {verb} Kinesis Streaming Destination: KinesisStreamingDestination must be \
             ACTIVE to perform {operation} operation."
        )));
    }
    Ok(found)
}
