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
    let streams =
        stream::all(&snapshot, group.id, input.log_stream_name_prefix.as_deref().unwrap_or_default())?;
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
    let mut placed = streams.into_iter().map(|(name, stream)| {
        let at = if by_time { stream.last_event_ms } else { None };
        ((at, name), stream)
    });
    let mut placed = placed.by_ref().collect::<Vec<_>>();
    let descending = input.descending == Some(true);
    placed.sort_by(|(a, _), (b, _)| if descending { b.cmp(a) } else { a.cmp(b) });
    if let Some(token) = &input.next_token {
        let last = read_token(token)?;
        placed.retain(|(place, _)| if descending { *place < last } else { *place > last });
    }
    let more = placed.len() > limit;
    placed.truncate(limit);
    let next_token = placed.last().filter(|_| more).map(|(last, _)| write_token(last));
    let arn = group::arn(&cx, &name);
    let shown = placed.into_iter().map(|((_, name), stream)| show(&arn, name, &stream)).collect();
    Ok(DescribeLogStreamsOutput { log_streams: Some(shown), next_token })
}

/// Where a stream stands in the list: its last event, when that is the order, and its name.
type Place = (Option<i64>, String);

fn write_token((at, name): &Place) -> String {
    format!("{}/{name}", at.map(|at| at.to_string()).unwrap_or_default())
}

fn read_token(token: &str) -> Result<Place> {
    let (at, name) = token.split_once('/').ok_or_else(events::invalid_token)?;
    let at = (!at.is_empty()).then(|| at.parse().map_err(|_| events::invalid_token())).transpose()?;
    Ok((at, name.to_owned()))
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
