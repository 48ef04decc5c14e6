//! `BatchGetTraces`: whole traces, by their ids.

use api_xray::{BatchGetTracesInput, BatchGetTracesOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::document::time_of;
use crate::trace::Trace;

/// Traces asked for at once.
const TRACES_MAX: usize = 5;

pub(crate) async fn batch_get_traces(cx: Ctx, input: BatchGetTracesInput) -> Result<BatchGetTracesOutput> {
    if input.next_token.is_some() {
        // Every answer is whole, so no token of ours exists.
        return Err(errors::invalid_request_exception("Invalid NextToken"));
    }
    if input.trace_ids.len() > TRACES_MAX {
        return Err(errors::invalid_request_exception("Too many trace ids: at most 5 are allowed"));
    }
    if let Some(wrong) = input.trace_ids.iter().find(|id| time_of(id).is_none()) {
        return Err(errors::invalid_request_exception(format!("Invalid trace id: {wrong}")));
    }
    let snapshot = cx.kv.snapshot().await?;
    let place = (&*cx.caller.account, &*cx.caller.region);
    let (mut traces, mut unprocessed) = (Vec::new(), Vec::new());
    for id in input.trace_ids {
        match Trace::find(&snapshot, place, &id)? {
            Some(trace) => traces.push(trace.shown()),
            None => unprocessed.push(id),
        }
    }
    Ok(BatchGetTracesOutput {
        traces: Some(traces),
        unprocessed_trace_ids: Some(unprocessed),
        next_token: None,
    })
}
