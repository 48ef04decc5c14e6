//! EventBridge Pipes: what a source has goes through a filter, an enrichment and a template to one target.
//!
//! Start with `pipe.rs`, what a pipe is; `settle.rs` begins and ends its polling, which `event-sources` does; `run.rs`
//! has what becomes of a batch (docs/adr/0047-pipes.md).

mod enrichment;
mod event;
mod keys;
mod ops;
mod pipe;
mod run;
mod send;
mod settle;
mod source;
mod tags;
mod target;

use std::sync::Arc;

use event_sources::Pollers;
use service::Service;

/// What Pipes holds in memory; all of it can be made anew.
pub(crate) struct Pipes {
    pollers: Arc<Pollers>,
    changes: settle::Changes,
}

pub(crate) type Ctx = service::Ctx<Pipes>;

/// The service and its operations; sources are polled by `pollers`.
pub fn service(pollers: Arc<Pollers>) -> Service {
    let state = Pipes { pollers, changes: settle::Changes::default() };
    Service::new(&api_pipes::SERVICE, Arc::new(state))
        .op(ops::create_pipe)
        .op(ops::delete_pipe)
        .op(ops::describe_pipe)
        .op(ops::list_pipes)
        .op(ops::list_tags_for_resource)
        .op(ops::start_pipe)
        .op(ops::stop_pipe)
        .op(ops::tag_resource)
        .op(ops::untag_resource)
        .op(ops::update_pipe)
        .job("settle pipes", settle::run)
        .done()
}
