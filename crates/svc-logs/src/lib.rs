//! CloudWatch Logs: groups, streams and their events, and who is sent them.
//!
//! Start with `ops/put_log_events.rs` and `ops/filter_log_events.rs`; `keys.rs` has everything stored.

mod events;
mod group;
mod keys;
mod ops;
mod pattern;
mod stream;
mod subscription;
mod sweep;

use std::sync::Arc;

use service::{Agenda, Service};

/// What Logs holds in memory; all of it can be made anew.
#[derive(Default)]
pub(crate) struct Logs {
    agenda: Agenda,
}

pub(crate) type Ctx = service::Ctx<Logs>;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_logs::SERVICE, Arc::new(Logs::default()))
        .op(ops::create_log_group)
        .op(ops::create_log_stream)
        .op(ops::delete_log_group)
        .op(ops::delete_subscription_filter)
        .op(ops::describe_log_groups)
        .op(ops::describe_log_streams)
        .op(ops::describe_subscription_filters)
        .op(ops::filter_log_events)
        .op(ops::get_log_events)
        .op(ops::put_log_events)
        .op(ops::put_subscription_filter)
        .job("send log events on", subscription::run)
        .job("sweep deleted log groups", sweep::run)
        .done()
}
