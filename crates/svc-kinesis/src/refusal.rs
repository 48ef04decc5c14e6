//! Refusals in Kinesis's words.

use api_kinesis::errors;
use aws_wire::AwsError;

use crate::keys::StreamKey;
use crate::shard;

pub(crate) fn invalid(message: impl Into<String>) -> AwsError {
    errors::invalid_argument_exception(message)
}

pub(crate) fn no_stream((account, _, name): &StreamKey) -> AwsError {
    errors::resource_not_found_exception(format!("Stream {name} under account {account} not found."))
}

/// A reader's shard that is not there.
pub(crate) fn no_shard(shard: &str, (account, _, name): &StreamKey) -> AwsError {
    errors::resource_not_found_exception(format!(
        "Shard {shard} in stream {name} under account {account} does not exist"
    ))
}

/// A shard to split or merge that is not there.
pub(crate) fn could_not_find_shard(shard: &str, (account, _, name): &StreamKey) -> AwsError {
    errors::resource_not_found_exception(format!(
        "Could not find shard {shard} in stream {name} under account {account}."
    ))
}

pub(crate) fn no_consumer(consumer: &str, account: &str) -> AwsError {
    errors::resource_not_found_exception(format!("Consumer {consumer} under account {account} not found."))
}

pub(crate) fn rate_exceeded(number: u32, (account, _, name): &StreamKey) -> AwsError {
    errors::provisioned_throughput_exceeded_exception(format!(
        "Rate exceeded for shard {} in stream {name} under account {account}.",
        shard::name(number)
    ))
}

/// What is only for streams whose shards are counted by hand.
pub(crate) fn on_demand((account, _, name): &StreamKey) -> AwsError {
    errors::validation_exception(format!(
        "Request is invalid. Stream {name} under account {account} is in On-Demand mode."
    ))
}

/// The answer to a request that asked only whether it would do.
pub(crate) fn dry_run() -> AwsError {
    errors::dry_run_operation_exception("Request would have succeeded, but DryRun flag is set.")
}
