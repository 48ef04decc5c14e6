//! X-Ray: segments of traces, kept for thirty days, and found again by time and by filter expression.
//!
//! Start with `document.rs`, what a segment says, and `trace.rs`, what its trace comes to.

mod document;
mod filter;
mod keys;
mod ops;
mod sweep;
mod trace;

use std::sync::Arc;

use service::Service;

pub(crate) type Ctx = service::Ctx;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_xray::SERVICE, Arc::new(()))
        .op(ops::batch_get_traces)
        .op(ops::get_trace_summaries)
        .op(ops::put_trace_segments)
        .job("sweep old traces", sweep::run)
        .done()
}
