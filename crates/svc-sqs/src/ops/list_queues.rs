//! `ListQueues`

use api_sqs::{ListQueuesInput, ListQueuesOutput};
use aws_wire::Result;
use kv::{Direction, Span, StartsWith};

use crate::keys::QUEUES;
use crate::{Ctx, page, queue};

pub(crate) async fn list_queues(cx: Ctx, input: ListQueuesInput) -> Result<ListQueuesOutput> {
    let limit = page::limit(input.max_results)?;
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let mut span =
        Span::prefix(&(account, region, StartsWith(input.queue_name_prefix.as_deref().unwrap_or_default())));
    if let Some(token) = &input.next_token {
        span = span.after(&(account, region, page::after(token)?));
    }
    let mut rows = QUEUES.scan(&cx.kv.snapshot().await?, &span, limit + 1, Direction::Forward)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    // Without MaxResults AWS answers a thousand and no token.
    let next_token = rows.last().filter(|_| more && input.max_results.is_some());
    let next_token = next_token.map(|((.., name), _)| page::token(name));
    let urls = rows.iter().map(|(key, _)| queue::url(&cx, key)).collect::<Vec<_>>();
    Ok(ListQueuesOutput { queue_urls: (!urls.is_empty()).then_some(urls), next_token })
}
