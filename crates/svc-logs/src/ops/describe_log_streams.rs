//! `DescribeLogStreams`: a group's streams by name or by their last event.

use api_logs::{DescribeLogStreamsInput, DescribeLogStreamsOutput, LogStream, OrderBy, errors};
use aws_wire::Result;

use crate::stream::{self, Stream};
use crate::{Ctx, events, group};

const PAGE_MAX: usize = 50;

pub(crate) async fn describe_log_streams(
    cx: Ctx,
    input: DescribeLogStreamsInput,
) -> Result<DescribeLogStreamsOutput> {
    let name = group::named(input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let by_time = input.order_by == Some(OrderBy::LastEventTime);
    if by_time && input.log_stream_name_prefix.is_some() {
        return Err(errors::invalid_parameter_exception(
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    let snapshot = cx.kv.snapshot().await?;
    let group = group::find(&snapshot, &group::key(&cx, &name))?;
    let mut streams =
        stream::all(&snapshot, group.id, input.log_stream_name_prefix.as_deref().unwrap_or_default())?;
    if by_time {
        streams.sort_by_key(|(_, stream)| stream.last_event_ms);
    }
    if input.descending == Some(true) {
        streams.reverse();
    }
    let start = match &input.next_token {
        Some(token) => token.parse().map_err(|_| events::invalid_token())?,
        None => 0usize,
    };
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
    let end = streams.len().min(start.saturating_add(limit));
    let next_token = (end < streams.len()).then(|| end.to_string());
    let arn = group::arn(&cx, &name);
    let shown =
        streams.into_iter().take(end).skip(start).map(|(name, stream)| show(&arn, name, &stream)).collect();
    Ok(DescribeLogStreamsOutput { log_streams: Some(shown), next_token })
}

fn show(group_arn: &str, name: String, stream: &Stream) -> LogStream {
    LogStream {
        arn: Some(format!("{group_arn}:log-stream:{name}")),
        log_stream_name: Some(name),
        creation_time: Some(stream.created_ms),
        first_event_timestamp: stream.first_event_ms,
        last_event_timestamp: stream.last_event_ms,
        last_ingestion_time: stream.last_ingestion_ms,
        // Sequence tokens count for nothing since 2023, yet old clients look for one.
        upload_sequence_token: Some(format!("{:056}", stream.next)),
        // AWS answers 0 for streams since 2019.
        stored_bytes: Some(0),
    }
}
