//! The operations, one file each.

mod batch_get_traces;
mod get_trace_summaries;
mod put_trace_segments;
pub(crate) use batch_get_traces::batch_get_traces;
pub(crate) use get_trace_summaries::get_trace_summaries;
pub(crate) use put_trace_segments::put_trace_segments;
