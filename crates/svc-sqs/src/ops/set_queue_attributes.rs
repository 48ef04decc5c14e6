//! `SetQueueAttributes`

use api_sqs::SetQueueAttributesInput;
use aws_wire::Result;

use crate::keys::QUEUES;
use crate::{Ctx, attributes, queue};

pub(crate) async fn set_queue_attributes(cx: Ctx, input: SetQueueAttributesInput) -> Result<()> {
    let now_ms = cx.env.now().as_millis();
    let store = cx
        .kv
        .transact(|tx| {
            let mut named = queue::named(&cx, tx, &input.queue_url, "SetQueueAttributes")?;
            attributes::check("SetQueueAttributes", &input.attributes, named.queue.is_fifo())?;
            attributes::set(&mut named.queue, input.attributes.clone());
            named.queue.modified_ms = now_ms;
            attributes::check_whole(tx, &named.key, &named.queue)?;
            QUEUES.put(tx, &named.key, &named.queue)?;
            Ok::<_, aws_wire::AwsError>(named.queue.store)
        })
        .await?;
    // Whoever waits for a message does so on the new terms.
    cx.state.cursors.of(store).wake();
    Ok(())
}
