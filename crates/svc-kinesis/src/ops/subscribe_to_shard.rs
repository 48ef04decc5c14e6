//! `SubscribeToShard`: a shard's records as they come, for five minutes.

use api_kinesis::{SubscribeToShardInput, SubscribeToShardOutput};
use aws_wire::Result;

use crate::consumer::{self, Asked};
use crate::read::Position;
use crate::refusal::dry_run;
use crate::{Ctx, fanout, stream};

pub(crate) async fn subscribe_to_shard(
    cx: Ctx,
    input: SubscribeToShardInput,
) -> Result<SubscribeToShardOutput> {
    stream::refuse_id("SubscribeToShard", input.stream_id.as_deref())?;
    let asked = Asked { stream_arn: None, name: None, arn: Some(&input.consumer_arn) };
    let found = consumer::find(&cx, &cx.kv.snapshot().await?, &asked, "SubscribeToShard")?;
    let position = Position {
        kind: input.starting_position.r#type,
        sequence_number: input.starting_position.sequence_number.as_deref(),
        timestamp: input.starting_position.timestamp,
        operation: "SubscribeToShard",
    };
    let (shard, from) = position.find(&cx, &found.stream, &input.shard_id).await?;
    if input.dry_run == Some(true) {
        return Err(dry_run());
    }
    let event_stream = fanout::subscribe(&cx, found.stream, &found.name, shard, from).await?;
    Ok(SubscribeToShardOutput { event_stream })
}
