//! `GetShardIterator`: where reading a shard begins.

use api_dynamodbstreams::{GetShardIteratorInput, GetShardIteratorOutput, ShardIteratorType, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::CHANGES;
use crate::stream::{self, Iterator};

pub(crate) async fn get_shard_iterator(
    cx: Ctx,
    input: GetShardIteratorInput,
) -> Result<GetShardIteratorOutput> {
    let key = stream::key_of(&cx, &input.stream_arn)?;
    let snapshot = cx.kv.snapshot().await?;
    let record = stream::find(&snapshot, &key)?;
    if input.shard_id != record.shard {
        return Err(errors::resource_not_found_exception(format!(
            "Requested resource not found: Shard does not exist: {}",
            input.shard_id
        )));
    }
    let numbered = || {
        let text = input.sequence_number.as_deref().ok_or_else(|| {
            AwsError::validation("SequenceNumber must be provided for this ShardIteratorType")
        })?;
        stream::number(text).ok_or_else(|| AwsError::validation(format!("Invalid SequenceNumber: {text}")))
    };
    let (from, exact) = match input.shard_iterator_type {
        ShardIteratorType::TrimHorizon => (0, false),
        ShardIteratorType::Latest => (cx.state.sequences.last(&cx, record.id).await? + 1, false),
        ShardIteratorType::AtSequenceNumber => (numbered()?, true),
        ShardIteratorType::AfterSequenceNumber => (numbered()?.saturating_add(1), true),
        ShardIteratorType::AtTimestamp => {
            let at = input.timestamp.ok_or_else(|| {
                AwsError::validation("Timestamp must be provided for the ShardIteratorType AT_TIMESTAMP")
            })?;
            (u64::try_from(at.as_micros()).unwrap_or(0), false)
        }
    };
    let first = CHANGES.scan(&snapshot, &Span::prefix(&(record.id,)), 1, Direction::Forward)?;
    let oldest = cx.env.now().as_millis() - stream::KEPT_MS;
    let trimmed = u64::try_from(oldest.saturating_mul(1000)).unwrap_or(0);
    if exact && from < trimmed && first.first().is_none_or(|((_, number), _)| *number > from) {
        return Err(errors::trimmed_data_access_exception(
            "The operation attempted to read past the oldest stream record in a shard.",
        ));
    }
    let iterator = Iterator { stream: stream::arn(&key), from, made_ms: cx.env.now().as_millis(), exact };
    Ok(GetShardIteratorOutput { shard_iterator: Some(iterator.encode()) })
}
