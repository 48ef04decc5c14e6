//! `DescribeStream`: a stream and its one shard.

use api_dynamodbstreams::{
    DescribeStreamInput, DescribeStreamOutput, KeySchemaElement, KeyType, SequenceNumberRange, Shard,
    StreamDescription, StreamStatus,
};
use aws_wire::Result;
use env::Timestamp;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::CHANGES;
use crate::stream;

pub(crate) async fn describe_stream(cx: Ctx, input: DescribeStreamInput) -> Result<DescribeStreamOutput> {
    let key = stream::key_of(&cx, &input.stream_arn)?;
    let snapshot = cx.kv.snapshot().await?;
    let record = stream::find(&snapshot, &key)?;
    let first = CHANGES.scan(&snapshot, &Span::prefix(&(record.id,)), 1, Direction::Forward)?;
    let began = u64::try_from(record.created_ms.saturating_mul(1000)).unwrap_or(0);
    let first = first.first().map_or(began, |((_, number), _)| *number);
    let shard = Shard {
        shard_id: Some(record.shard.clone()),
        sequence_number_range: Some(SequenceNumberRange {
            starting_sequence_number: Some(stream::shown(first)),
            ending_sequence_number: record.closed.map(|(_, last)| stream::shown(last.max(first))),
        }),
        parent_shard_id: None,
    };
    // A page after the only shard is empty, and so is a list of its children.
    let wanted = input.exclusive_start_shard_id.is_none() && input.shard_filter.is_none();
    let parts = record.keys.iter().zip([KeyType::Hash, KeyType::Range]);
    let keys = parts.map(|(name, key_type)| KeySchemaElement { attribute_name: name.clone(), key_type });
    Ok(DescribeStreamOutput {
        stream_description: Some(StreamDescription {
            stream_arn: Some(stream::arn(&key)),
            stream_label: Some(key.3.clone()),
            stream_status: Some(match record.closed {
                Some(_) => StreamStatus::Disabled,
                None => StreamStatus::Enabled,
            }),
            stream_view_type: record.view.parse().ok(),
            creation_request_date_time: Some(Timestamp::from_millis(record.created_ms)),
            table_name: Some(key.2.clone()),
            key_schema: Some(keys.collect()),
            shards: Some(if wanted { vec![shard] } else { Vec::new() }),
            last_evaluated_shard_id: None,
        }),
    })
}
