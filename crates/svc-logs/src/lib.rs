//! CloudWatch Logs: groups, streams and their events.
//!
//! Start with `ops/put_log_events.rs` and `ops/filter_log_events.rs`; `keys.rs` has everything stored.

mod events;
mod group;
mod keys;
mod ops;
mod pattern;
mod stream;
mod sweep;

use std::sync::Arc;

use service::Service;

pub(crate) type Ctx = service::Ctx;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_logs::SERVICE, Arc::new(()))
        .op(ops::create_log_group)
        .op(ops::create_log_stream)
        .op(ops::delete_log_group)
        .op(ops::describe_log_groups)
        .op(ops::describe_log_streams)
        .op(ops::filter_log_events)
        .op(ops::get_log_events)
        .op(ops::put_log_events)
        .job("sweep deleted log groups", sweep::run)
        .done()
}
