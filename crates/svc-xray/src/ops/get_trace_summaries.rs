//! `GetTraceSummaries`: the traces that began in a stretch of time and meet a filter expression.

use api_xray::{GetTraceSummariesInput, GetTraceSummariesOutput, TimeRangeType, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::document::time_of;
use crate::filter::Filter;
use crate::keys::SEGMENTS;
use crate::trace::Trace;

const OPERATION: &str = "GetTraceSummaries";
/// The longest stretch of time, as AWS has it.
const STRETCH_S_MAX: i64 = 24 * 60 * 60;
/// Traces in one page.
const PAGE: usize = 100;
/// Segments read at once.
const SEGMENTS_MAX: usize = 1000;

pub(crate) async fn get_trace_summaries(
    cx: Ctx,
    input: GetTraceSummariesInput,
) -> Result<GetTraceSummariesOutput> {
    let (start, end) = (input.start_time.as_secs(), input.end_time.as_secs());
    if end <= start || end - start > STRETCH_S_MAX {
        let message = "The time range must be at least one second and at most 24 hours";
        return Err(errors::invalid_request_exception(message));
    }
    if !matches!(input.time_range_type, None | Some(TimeRangeType::TraceId)) {
        return Err(AwsError::parameter_not_implemented(OPERATION, "TimeRangeType other than TraceId"));
    }
    if input.sampling == Some(true) || input.sampling_strategy.is_some() {
        return Err(AwsError::parameter_not_implemented(OPERATION, "Sampling"));
    }
    let filter = input.filter_expression.as_deref().map(Filter::parse).transpose()?;
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let mut span = Span::prefix(&(account, region))
        .from(&(account, region, format!("1-{start:08x}-"), ""))
        .before(&(account, region, format!("1-{:08x}-", end + 1), ""));
    if let Some(last) = &input.next_token {
        time_of(last).ok_or_else(|| errors::invalid_request_exception("Invalid NextToken"))?;
        span = span.after_prefix(&(account, region, last.as_str()));
    }
    let snapshot = cx.kv.snapshot().await?;
    let (mut summaries, mut processed, mut next_token) = (Vec::new(), 0, None);
    'pages: loop {
        let rows = SEGMENTS.scan(&snapshot, &span, SEGMENTS_MAX, Direction::Forward)?;
        let whole = rows.len() < SEGMENTS_MAX;
        let mut traces = Trace::of_rows(rows);
        if !whole && let Some(cut) = traces.pop() {
            // The last may go on in the next page: it is read by itself, whole.
            traces.extend(Trace::find(&snapshot, (account, region), &cut.id)?);
        }
        let Some(last) = traces.last().map(|trace| trace.id.clone()) else { break };
        span = span.after_prefix(&(account, region, last.as_str()));
        for trace in traces {
            processed += 1;
            if filter.as_ref().is_none_or(|filter| filter.meets(&trace)) {
                summaries.push(trace.summary());
            }
            if summaries.len() == PAGE {
                next_token = Some(trace.id);
                break 'pages;
            }
        }
        if whole {
            break;
        }
    }
    Ok(GetTraceSummariesOutput {
        trace_summaries: Some(summaries),
        approximate_time: Some(cx.env.now()),
        traces_processed_count: Some(processed),
        next_token,
    })
}
