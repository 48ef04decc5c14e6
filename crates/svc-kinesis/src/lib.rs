//! Kinesis Data Streams: streams of records in shards, kept for a day to a year, read from any place and pushed.
//!
//! Start with `ops/put_record.rs`, `put.rs` and `lane.rs`, which keeps a shard's records in order; then `read.rs`, which
//! `ops/get_records.rs` and `fanout.rs` share, and `reshard.rs`. `keys.rs` has everything stored; docs/adr/0024 has why.

mod consumer;
mod fanout;
mod iterator;
mod keys;
mod lane;
mod ops;
mod page;
mod policy;
mod put;
mod read;
mod record;
mod refusal;
mod reshard;
mod resource;
mod sequence;
mod shard;
mod stream;
mod sweep;
mod target;
mod throttle;

use std::sync::Arc;

use service::Service;

/// What Kinesis holds in memory; all of it can be made anew.
#[derive(Default)]
pub(crate) struct State {
    pub lanes: lane::Lanes,
    pub throttle: throttle::Throttle,
    pub subscriptions: fanout::Subscriptions,
}

pub(crate) type Ctx = service::Ctx<State>;

/// The settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// Whether provisioned streams refuse what goes beyond their shards' throughput.
    pub throttle: bool,
}

/// The service and its operations.
pub fn service(config: Config) -> Service {
    let throttle = throttle::Throttle::new(config.throttle);
    Service::new(&api_kinesis::SERVICE, Arc::new(State { throttle, ..State::default() }))
        .op(ops::add_tags_to_stream)
        .op(ops::create_stream)
        .op(ops::decrease_stream_retention_period)
        .op(ops::delete_resource_policy)
        .op(ops::delete_stream)
        .op(ops::deregister_stream_consumer)
        .op(ops::describe_limits)
        .op(ops::describe_stream)
        .op(ops::describe_stream_consumer)
        .op(ops::describe_stream_summary)
        .op(ops::get_records)
        .op(ops::get_resource_policy)
        .op(ops::get_shard_iterator)
        .op(ops::increase_stream_retention_period)
        .op(ops::list_shards)
        .op(ops::list_stream_consumers)
        .op(ops::list_streams)
        .op(ops::list_tags_for_resource)
        .op(ops::list_tags_for_stream)
        .op(ops::merge_shards)
        .op(ops::put_record)
        .op(ops::put_records)
        .op(ops::put_resource_policy)
        .op(ops::register_stream_consumer)
        .op(ops::remove_tags_from_stream)
        .op(ops::split_shard)
        .op(ops::subscribe_to_shard)
        .op(ops::tag_resource)
        .op(ops::untag_resource)
        .op(ops::update_max_record_size)
        .op(ops::update_shard_count)
        .op(ops::update_stream_mode)
        .op(ops::update_stream_record_distribution_strategy)
        .target("kinesis", target::check, target::deliver)
        .job("trim streams of records", sweep::trim)
        .job("clear deleted streams of records", sweep::clear_deleted)
        .done()
}
