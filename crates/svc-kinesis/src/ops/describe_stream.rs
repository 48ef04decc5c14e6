//! `DescribeStream`: a stream and a page of its shards.

use api_kinesis::{
    DescribeStreamInput, DescribeStreamOutput, EncryptionType, EnhancedMetrics, StreamDescription,
    StreamStatus,
};
use aws_wire::Result;
use env::Timestamp;

use crate::refusal::invalid;
use crate::stream::asked;
use crate::{Ctx, page, shard};

const PAGE: i32 = 100;
const PAGE_MAX: usize = 10_000;

pub(crate) async fn describe_stream(cx: Ctx, input: DescribeStreamInput) -> Result<DescribeStreamOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let named = asked!("DescribeStream", input).find(&cx, &snapshot)?;
    let after = match &input.exclusive_start_shard_id {
        Some(name) => Some(shard::number(name).ok_or_else(|| invalid("Invalid ExclusiveStartShardId."))?),
        None => None,
    };
    let oldest_ms = named.stream.oldest_ms(cx.env.now());
    let mut shards = shard::all(&snapshot, named.stream.id)?;
    shards.retain(|(number, shard)| shard.is_kept(oldest_ms) && after.is_none_or(|after| *number > after));
    let limit = page::length(input.limit.or(Some(PAGE)), PAGE_MAX);
    let has_more_shards = shards.len() > limit;
    let shown = shards.iter().take(limit).map(|(number, shard)| shard.shown(named.stream.id, *number));
    Ok(DescribeStreamOutput {
        stream_description: StreamDescription {
            stream_name: named.key.2.clone(),
            stream_arn: named.arn(),
            stream_status: StreamStatus::Active,
            stream_mode_details: Some(named.stream.mode_details()),
            shards: shown.collect(),
            has_more_shards,
            retention_period_hours: named.stream.retention_hours,
            stream_creation_timestamp: Timestamp::from_millis(named.stream.created_ms),
            enhanced_monitoring: no_monitoring(),
            encryption_type: Some(EncryptionType::None),
            key_id: None,
        },
    })
}

/// No shard-level metrics are kept.
pub(crate) fn no_monitoring() -> Vec<EnhancedMetrics> {
    vec![EnhancedMetrics { shard_level_metrics: Some(Vec::new()) }]
}
