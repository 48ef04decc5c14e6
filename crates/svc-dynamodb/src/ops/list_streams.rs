//! `ListStreams`

use api_dynamodbstreams::{ListStreamsInput, ListStreamsOutput, Stream};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::STREAMS;
use crate::{stream, table};

const PAGE: usize = 100;

pub(crate) async fn list_streams(cx: Ctx, input: ListStreamsInput) -> Result<ListStreamsOutput> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE).min(PAGE);
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let mut span = match &input.table_name {
        Some(name) => Span::prefix(&(account, region, table::key(&cx.caller, name)?.2)),
        None => Span::prefix(&(account, region)),
    };
    if let Some(start) = &input.exclusive_start_stream_arn {
        span = span.after(&stream::key_of(&cx, start)?);
    }
    let found = STREAMS.scan(&cx.kv.snapshot().await?, &span, limit + 1, Direction::Forward)?;
    let streams = found.iter().take(limit).map(|(key, _)| Stream {
        stream_arn: Some(stream::arn(key)),
        table_name: Some(key.2.clone()),
        stream_label: Some(key.3.clone()),
    });
    let streams = streams.collect::<Vec<_>>();
    let last = streams.last().filter(|_| found.len() > limit).and_then(|last| last.stream_arn.clone());
    Ok(ListStreamsOutput { streams: Some(streams), last_evaluated_stream_arn: last })
}
