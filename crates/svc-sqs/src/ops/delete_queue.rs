//! `DeleteQueue`: the queue is gone at once, its messages are removed after.

use api_sqs::DeleteQueueInput;
use aws_wire::Result;

use crate::keys::{DELETED, DOOMED, QUEUES};
use crate::{Ctx, queue};

pub(crate) async fn delete_queue(cx: Ctx, input: DeleteQueueInput) -> Result<()> {
    let now_ms = cx.env.now().as_millis();
    let store = cx
        .kv
        .transact(|tx| {
            let named = queue::named(&cx, tx, &input.queue_url, "DeleteQueue")?;
            QUEUES.delete(tx, &named.key)?;
            DELETED.put(tx, &named.key, &now_ms)?;
            DOOMED.put(tx, &named.queue.store, &())?;
            Ok::<_, aws_wire::AwsError>(named.queue.store)
        })
        .await?;
    cx.state.cursors.of(store).wake();
    Ok(())
}
