//! `PurgeQueue`: the queue gets another store, and the messages in the old one are removed after.

use api_sqs::{PurgeQueueInput, errors};
use aws_wire::Result;

use crate::keys::{DOOMED, QUEUES};
use crate::{Ctx, queue};

/// How long a queue is not purged again, in milliseconds.
const BETWEEN_MS: i64 = 60_000;

pub(crate) async fn purge_queue(cx: Ctx, input: PurgeQueueInput) -> Result<()> {
    let now_ms = cx.env.now().as_millis();
    let store = cx.env.uuid().into_bytes();
    let old = cx
        .kv
        .transact(|tx| {
            let mut named = queue::named(&cx, tx, &input.queue_url, "PurgeQueue")?;
            if named.queue.purged_ms.is_some_and(|purged_ms| now_ms < purged_ms + BETWEEN_MS) {
                return Err(errors::purge_queue_in_progress(format!(
                    "Only one PurgeQueue operation on {} is allowed every 60 seconds.",
                    named.key.2
                )));
            }
            DOOMED.put(tx, &named.queue.store, &())?;
            named.queue.purged_ms = Some(now_ms);
            let old = std::mem::replace(&mut named.queue.store, store);
            QUEUES.put(tx, &named.key, &named.queue)?;
            Ok(old)
        })
        .await?;
    cx.state.cursors.of(old).wake();
    Ok(())
}
