//! `UntagQueue`

use api_sqs::UntagQueueInput;
use aws_wire::Result;

use crate::keys::QUEUES;
use crate::{Ctx, queue};

pub(crate) async fn untag_queue(cx: Ctx, input: UntagQueueInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let mut named = queue::named(&cx, tx, &input.queue_url, "UntagQueue")?;
            named.queue.tags.retain(|key, _| !input.tag_keys.contains(key));
            Ok(QUEUES.put(tx, &named.key, &named.queue)?)
        })
        .await
}
