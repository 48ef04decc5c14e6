//! EventBridge: buses, rules, and events on their way to rules' targets.
//!
//! Start with `ops/put_events.rs` and `ingest.rs`, which store an event with the targets whose rules it matches, and
//! `outbox.rs`, which delivers it; `post.rs` is how to an HTTP endpoint. `ticks.rs` has rules that are due by the clock.

mod api_destination;
mod archive;
mod archive_sweep;
mod bus;
mod connection;
mod event;
mod ingest;
mod input;
mod keys;
mod oauth;
mod ops;
mod outbox;
mod page;
mod policy;
mod post;
mod receive;
mod refusal;
mod replay;
mod rule;
mod rules;
mod send;
mod tags;
mod target;
mod ticks;

use std::sync::Arc;

use service::{Agenda, Service};

/// What EventBridge holds in memory; all of it can be made anew.
#[derive(Default)]
pub(crate) struct Events {
    agenda: Agenda,
    rules: rules::Books,
    /// What API destinations are reached with.
    client: http_client::Client,
    tokens: oauth::Tokens,
    paces: post::Paces,
}

pub(crate) type Ctx = service::Ctx<Events>;

/// The service and its operations.
pub fn service() -> Service {
    Service::new(&api_events::SERVICE, Arc::new(Events::default()))
        .op(ops::cancel_replay)
        .op(ops::create_api_destination)
        .op(ops::create_archive)
        .op(ops::create_connection)
        .op(ops::create_event_bus)
        .op(ops::deauthorize_connection)
        .op(ops::delete_api_destination)
        .op(ops::delete_archive)
        .op(ops::delete_connection)
        .op(ops::delete_event_bus)
        .op(ops::delete_rule)
        .op(ops::describe_api_destination)
        .op(ops::describe_archive)
        .op(ops::describe_connection)
        .op(ops::describe_event_bus)
        .op(ops::describe_replay)
        .op(ops::describe_rule)
        .op(ops::disable_rule)
        .op(ops::enable_rule)
        .op(ops::list_api_destinations)
        .op(ops::list_archives)
        .op(ops::list_connections)
        .op(ops::list_event_buses)
        .op(ops::list_replays)
        .op(ops::list_rule_names_by_target)
        .op(ops::list_rules)
        .op(ops::list_tags_for_resource)
        .op(ops::list_targets_by_rule)
        .op(ops::put_events)
        .op(ops::put_permission)
        .op(ops::put_rule)
        .op(ops::put_targets)
        .op(ops::remove_permission)
        .op(ops::remove_targets)
        .op(ops::start_replay)
        .op(ops::tag_resource)
        .op(ops::test_event_pattern)
        .op(ops::untag_resource)
        .op(ops::update_api_destination)
        .op(ops::update_archive)
        .op(ops::update_connection)
        .op(ops::update_event_bus)
        .target("events", receive::check, receive::deliver)
        .job("deliver events", outbox::run)
        .job("fire scheduled rules", ticks::run)
        .job("replay events", replay::run)
        .job("sweep archives", archive_sweep::run)
        .done()
}
