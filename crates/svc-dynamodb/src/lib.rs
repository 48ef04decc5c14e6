//! DynamoDB and DynamoDB Streams: tables, items, indexes, expressions, transactions, and the streams of changes.
//!
//! Start with `ops/put_item.rs` and `write.rs`, which every change goes through, then `ops/query.rs` and `read.rs`.
//! `keys.rs` has everything stored, `expression/` the expressions, `settle.rs` the work that tables wait for.

mod asked;
mod backup;
mod capacity;
mod collection;
mod export;
mod expression;
mod history;
mod import;
mod item;
mod keys;
mod legacy;
mod number;
mod ops;
mod order;
mod partiql;
mod read;
mod recovery;
mod replication;
mod reserved;
mod restore;
mod schema;
mod sequence;
mod settle;
mod stream;
mod sweep;
mod table;
mod value;
mod write;

use std::sync::Arc;

use service::Service;

/// The state of both services.
#[derive(Default)]
pub(crate) struct State {
    pub locks: sequence::Locks,
    pub sequences: sequence::Sequences,
    pub tables: table::Known,
    pub throttle: capacity::Throttle,
    pub replicas: replication::Replicas,
    pub measured: collection::Measured,
}

pub(crate) type Ctx = service::Ctx<State>;

/// The settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Config {
    /// Whether provisioned tables refuse what goes beyond their capacity units.
    pub throttle: bool,
}

/// DynamoDB and DynamoDB Streams.
pub fn services(config: Config) -> [Service; 2] {
    let throttle = capacity::Throttle::new(config.throttle);
    let state = Arc::new(State { throttle, ..State::default() });
    let dynamodb = Service::new(&api_dynamodb::SERVICE, Arc::clone(&state))
        .op(ops::batch_execute_statement)
        .op(ops::batch_get_item)
        .op(ops::batch_write_item)
        .op(ops::create_backup)
        .op(ops::create_table)
        .op(ops::delete_backup)
        .op(ops::delete_item)
        .op(ops::delete_table)
        .op(ops::describe_backup)
        .op(ops::describe_continuous_backups)
        .op(ops::describe_export)
        .op(ops::describe_import)
        .op(ops::describe_kinesis_streaming_destination)
        .op(ops::describe_limits)
        .op(ops::describe_table)
        .op(ops::describe_time_to_live)
        .op(ops::disable_kinesis_streaming_destination)
        .op(ops::enable_kinesis_streaming_destination)
        .op(ops::execute_statement)
        .op(ops::execute_transaction)
        .op(ops::export_table_to_point_in_time)
        .op(ops::get_item)
        .op(ops::import_table)
        .op(ops::list_backups)
        .op(ops::list_exports)
        .op(ops::list_imports)
        .op(ops::list_tables)
        .op(ops::list_tags_of_resource)
        .op(ops::put_item)
        .op(ops::query)
        .op(ops::restore_table_from_backup)
        .op(ops::restore_table_to_point_in_time)
        .op(ops::scan)
        .op(ops::tag_resource)
        .op(ops::transact_get_items)
        .op(ops::transact_write_items)
        .op(ops::untag_resource)
        .op(ops::update_continuous_backups)
        .op(ops::update_item)
        .op(ops::update_kinesis_streaming_destination)
        .op(ops::update_table)
        .op(ops::update_time_to_live)
        .job("settle tables", settle::run)
        .job("clear deleted tables", settle::clear)
        .job("make backups", backup::run)
        .job("write exports", export::run)
        .job("import tables", import::run)
        .job("expire items", sweep::expire)
        .job("trim streams", sweep::trim)
        .job("replicate changes", replication::run)
        .done();
    let streams = Service::new(&api_dynamodbstreams::SERVICE, state)
        .op(ops::describe_stream)
        .op(ops::get_records)
        .op(ops::get_shard_iterator)
        .op(ops::list_streams)
        .done();
    [dynamodb, streams]
}
