//! X-Ray: segments of traces, kept for thirty days, and found again by time and by filter expression.
//!
//! Start with `document.rs`, what a segment says, and `trace.rs`, what its trace comes to; `otlp.rs` sends them on.

mod document;
mod filter;
mod keys;
mod ops;
mod otlp;
mod sweep;
mod trace;

use std::sync::Arc;

use service::Service;
use tokio::sync::Mutex;

pub use otlp::Collector;

/// The service's state.
#[derive(Default)]
pub(crate) struct XRay {
    exporter: Option<otlp::Exporter>,
    runner: Mutex<Option<otlp::Runner>>,
}

pub(crate) type Ctx = service::Ctx<XRay>;

/// The service and its operations; segments go to `collector` too, where there is one.
pub fn service(collector: Option<Collector>) -> Service {
    let state = match collector.map(otlp::new) {
        Some((exporter, runner)) => XRay { exporter: Some(exporter), runner: Mutex::new(Some(runner)) },
        None => XRay::default(),
    };
    Service::new(&api_xray::SERVICE, Arc::new(state))
        .op(ops::batch_get_traces)
        .op(ops::get_trace_summaries)
        .op(ops::put_trace_segments)
        .job("sweep old traces", sweep::run)
        .job("export traces", export)
        .done()
}

async fn export(cx: Ctx) {
    if let Some(runner) = &mut *cx.state.runner.lock().await {
        runner.run(&cx.env).await;
    }
}
