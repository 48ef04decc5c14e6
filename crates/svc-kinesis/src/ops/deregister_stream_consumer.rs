//! `DeregisterStreamConsumer`: its subscriptions end.

use api_kinesis::DeregisterStreamConsumerInput;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::consumer::{self, Asked};
use crate::keys::CONSUMERS;
use crate::stream;

pub(crate) async fn deregister_stream_consumer(cx: Ctx, input: DeregisterStreamConsumerInput) -> Result<()> {
    stream::refuse_id("DeregisterStreamConsumer", input.stream_id.as_deref())?;
    let asked = Asked {
        stream_arn: input.stream_arn.as_deref(),
        name: input.consumer_name.as_deref(),
        arn: input.consumer_arn.as_deref(),
    };
    let found = cx
        .kv
        .transact(|tx| {
            let found = consumer::find(&cx, tx, &asked, "DeregisterStreamConsumer")?;
            CONSUMERS.delete(tx, &(found.stream.stream.id, found.name.as_str()))?;
            Ok::<_, AwsError>(found)
        })
        .await?;
    cx.state.subscriptions.deregister(found.stream.stream.id, &found.name);
    Ok(())
}
