//! `ListStreams`

use api_kinesis::{ListStreamsInput, ListStreamsOutput, StreamStatus, StreamSummary};
use aws_wire::Result;
use env::Timestamp;
use kv::{Direction, Span};

use crate::keys::STREAMS;
use crate::{Ctx, page, stream};

const PAGE: usize = 100;

pub(crate) async fn list_streams(cx: Ctx, input: ListStreamsInput) -> Result<ListStreamsOutput> {
    let limit = page::length(input.limit, PAGE);
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let after = match &input.next_token {
        Some(token) => Some(page::read::<String>(cx.env.now(), token)?),
        None => input.exclusive_start_stream_name,
    };
    let mut span = Span::prefix(&(account, region));
    if let Some(after) = after {
        span = span.after(&(account, region, after));
    }
    let mut rows = STREAMS.scan(&cx.kv.snapshot().await?, &span, limit + 1, Direction::Forward)?;
    let has_more_streams = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| has_more_streams);
    let next_token = last.map(|((.., name), _)| page::token(cx.env.now(), name));
    let summaries = rows.iter().map(|(key, stream)| StreamSummary {
        stream_name: key.2.clone(),
        stream_arn: stream::arn(key),
        stream_status: StreamStatus::Active,
        stream_mode_details: Some(stream.mode_details()),
        stream_creation_timestamp: Some(Timestamp::from_millis(stream.created_ms)),
    });
    Ok(ListStreamsOutput {
        stream_summaries: Some(summaries.collect()),
        stream_names: rows.into_iter().map(|((.., name), _)| name).collect(),
        has_more_streams,
        next_token,
    })
}
