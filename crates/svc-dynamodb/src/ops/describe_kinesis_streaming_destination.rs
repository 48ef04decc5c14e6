//! `DescribeKinesisStreamingDestination`: the streams that a table's changes go to, or went to.

use api_dynamodb::{
    ApproximateCreationDateTimePrecision, DescribeKinesisStreamingDestinationInput,
    DescribeKinesisStreamingDestinationOutput, DestinationStatus, KinesisDataStreamDestination,
};
use aws_wire::Result;

use crate::Ctx;
use crate::table::{self, Destination};

pub(crate) async fn describe_kinesis_streaming_destination(
    cx: Ctx,
    input: DescribeKinesisStreamingDestinationInput,
) -> Result<DescribeKinesisStreamingDestinationOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    let table = table::open(&cx.kv.snapshot().await?, &key)?;
    let destinations = table.destinations.iter().map(shown).collect();
    Ok(DescribeKinesisStreamingDestinationOutput {
        table_name: Some(key.2),
        kinesis_data_stream_destinations: Some(destinations),
    })
}

fn shown(destination: &Destination) -> KinesisDataStreamDestination {
    let precision = match destination.micros {
        true => ApproximateCreationDateTimePrecision::Microsecond,
        false => ApproximateCreationDateTimePrecision::Millisecond,
    };
    let status = if destination.enabled { DestinationStatus::Active } else { DestinationStatus::Disabled };
    KinesisDataStreamDestination {
        stream_arn: Some(destination.stream_arn.clone()),
        destination_status: Some(status),
        destination_status_description: None,
        approximate_creation_date_time_precision: Some(precision),
    }
}
