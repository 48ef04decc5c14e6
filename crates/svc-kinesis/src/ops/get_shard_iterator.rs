//! `GetShardIterator`: where reading a shard begins.

use api_kinesis::{GetShardIteratorInput, GetShardIteratorOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::iterator::Iterator;
use crate::read::Position;
use crate::refusal::dry_run;
use crate::stream::asked;

pub(crate) async fn get_shard_iterator(
    cx: Ctx,
    input: GetShardIteratorInput,
) -> Result<GetShardIteratorOutput> {
    let named = asked!("GetShardIterator", input).find(&cx, &cx.kv.snapshot().await?)?;
    let position = Position {
        kind: input.shard_iterator_type,
        sequence_number: input.starting_sequence_number.as_deref(),
        timestamp: input.timestamp,
        operation: "GetShardIterator",
    };
    let (shard, from) = position.find(&cx, &named, &input.shard_id).await?;
    if input.dry_run == Some(true) {
        return Err(dry_run());
    }
    let stream = named.stream.id;
    let iterator = Iterator { key: named.key, stream, shard, from, made_ms: cx.env.now().as_millis() };
    Ok(GetShardIteratorOutput { shard_iterator: Some(iterator.encode()) })
}
