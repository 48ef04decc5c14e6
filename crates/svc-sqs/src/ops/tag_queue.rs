//! `TagQueue`

use api_sqs::TagQueueInput;
use aws_wire::Result;

use crate::keys::QUEUES;
use crate::{Ctx, queue};

pub(crate) async fn tag_queue(cx: Ctx, input: TagQueueInput) -> Result<()> {
    cx.kv
        .transact(|tx| {
            let mut named = queue::named(&cx, tx, &input.queue_url, "TagQueue")?;
            named.queue.tags.extend(input.tags.clone());
            queue::check_tags(&named.queue.tags)?;
            Ok(QUEUES.put(tx, &named.key, &named.queue)?)
        })
        .await
}
