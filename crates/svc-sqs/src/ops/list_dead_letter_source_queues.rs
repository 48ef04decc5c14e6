//! `ListDeadLetterSourceQueues`: the queues whose dead letters go to this one.

use api_sqs::{ListDeadLetterSourceQueuesInput, ListDeadLetterSourceQueuesOutput};
use aws_wire::Result;

use crate::{Ctx, page, queue};

pub(crate) async fn list_dead_letter_source_queues(
    cx: Ctx,
    input: ListDeadLetterSourceQueuesInput,
) -> Result<ListDeadLetterSourceQueuesOutput> {
    let limit = page::limit(input.max_results)?;
    let snapshot = cx.kv.snapshot().await?;
    let named = queue::named(&cx, &snapshot, &input.queue_url, "ListDeadLetterSourceQueues")?;
    let after = input.next_token.as_deref().map(page::after).transpose()?;
    let mut sources = queue::sources(&snapshot, &named.key)?;
    if let Some(after) = after {
        sources.retain(|(.., name)| *name > after);
    }
    let more = sources.len() > limit;
    sources.truncate(limit);
    let next_token = sources.last().filter(|_| more && input.max_results.is_some());
    let next_token = next_token.map(|(.., name)| page::token(name));
    let queue_urls = sources.iter().map(|key| queue::url(&cx, key)).collect();
    Ok(ListDeadLetterSourceQueuesOutput { queue_urls, next_token })
}
