//! `DeleteStream`: the stream is gone at once; what it had is removed after.

use api_kinesis::{DeleteStreamInput, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{CONSUMERS, DOOMED, STREAMS};
use crate::stream::asked;

pub(crate) async fn delete_stream(cx: Ctx, input: DeleteStreamInput) -> Result<()> {
    let enforce = input.enforce_consumer_deletion == Some(true);
    let named = cx
        .kv
        .transact(|tx| {
            let named = asked!("DeleteStream", input).find(&cx, tx)?;
            let consumers = CONSUMERS.scan(tx, &Span::prefix(&(named.stream.id,)), 1, Direction::Forward)?;
            if !consumers.is_empty() && !enforce {
                let (account, _, name) = &named.key;
                return Err(errors::resource_in_use_exception(format!(
                    "Stream {name} under account {account} has registered consumers. Deregister them, or set \
                     EnforceConsumerDeletion."
                )));
            }
            STREAMS.delete(tx, &named.key)?;
            DOOMED.put(tx, &named.stream.id, &())?;
            Ok::<_, AwsError>(named)
        })
        .await?;
    // Whoever waits for its records looks again, and finds it gone.
    cx.state.lanes.of(named.stream.id).resharded();
    cx.arrived(&named.arn());
    Ok(())
}
