//! `ListStreamConsumers`

use api_kinesis::{ListStreamConsumersInput, ListStreamConsumersOutput};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::keys::CONSUMERS;
use crate::ops::list_shards::check_created;
use crate::stream::Asked;
use crate::{Ctx, consumer, page};

const PAGE: usize = 100;

pub(crate) async fn list_stream_consumers(
    cx: Ctx,
    input: ListStreamConsumersInput,
) -> Result<ListStreamConsumersOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let asked = Asked {
        operation: "ListStreamConsumers",
        name: None,
        arn: Some(&input.stream_arn),
        id: input.stream_id.as_deref(),
    };
    let named = asked.find(&cx, &snapshot)?;
    check_created(&named.key, &named.stream, input.stream_creation_timestamp)?;
    let mut span = Span::prefix(&(named.stream.id,));
    if let Some(token) = &input.next_token {
        span = span.after(&(named.stream.id, page::read::<String>(cx.env.now(), token)?));
    }
    let limit = page::length(input.max_results, PAGE);
    let mut rows = CONSUMERS.scan(&snapshot, &span, limit + 1, Direction::Forward)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_token = rows.last().filter(|_| more).map(|((_, name), _)| page::token(cx.env.now(), name));
    let consumers = rows.iter().map(|((_, name), consumer)| consumer::shown(&named.key, name, consumer));
    Ok(ListStreamConsumersOutput { consumers: Some(consumers.collect()), next_token })
}
