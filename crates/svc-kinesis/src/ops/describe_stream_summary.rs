//! `DescribeStreamSummary`: a stream without its shards.

use api_kinesis::{
    DescribeStreamSummaryInput, DescribeStreamSummaryOutput, EncryptionType, StreamDescriptionSummary,
    StreamStatus,
};
use aws_wire::Result;
use env::Timestamp;
use kv::Span;

use crate::Ctx;
use crate::keys::CONSUMERS;
use crate::ops::describe_stream::no_monitoring;
use crate::stream::asked;

pub(crate) async fn describe_stream_summary(
    cx: Ctx,
    input: DescribeStreamSummaryInput,
) -> Result<DescribeStreamSummaryOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let named = asked!("DescribeStreamSummary", input).find(&cx, &snapshot)?;
    let consumers = CONSUMERS.all(&snapshot, &Span::prefix(&(named.stream.id,)))?.len();
    Ok(DescribeStreamSummaryOutput {
        stream_description_summary: StreamDescriptionSummary {
            stream_name: named.key.2.clone(),
            stream_arn: named.arn(),
            stream_id: None,
            stream_status: StreamStatus::Active,
            stream_mode_details: Some(named.stream.mode_details()),
            retention_period_hours: named.stream.retention_hours,
            stream_creation_timestamp: Timestamp::from_millis(named.stream.created_ms),
            enhanced_monitoring: no_monitoring(),
            encryption_type: Some(EncryptionType::None),
            key_id: None,
            open_shard_count: i32::try_from(named.stream.open_shards).unwrap_or(i32::MAX),
            consumer_count: i32::try_from(consumers).ok(),
            warm_throughput: None,
            max_record_size_in_ki_b: Some(named.stream.record_kib_max),
            // Channels and queues can't be made here.
            channel_count: Some(0),
            record_distribution_strategy: named.stream.distribution(),
            queue_count: Some(0),
        },
    })
}
