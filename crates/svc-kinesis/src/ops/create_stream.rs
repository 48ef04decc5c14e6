//! `CreateStream`: a stream and its first shards, at once.

use std::collections::BTreeMap;

use api_kinesis::{CreateStreamInput, RecordDistributionStrategy, StreamMode, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::{SHARDS, STREAMS};
use crate::refusal::invalid;
use crate::reshard;
use crate::shard::{HashKey, Shard};
use crate::stream::{self, Mode, Stream};

pub(crate) async fn create_stream(cx: Ctx, input: CreateStreamInput) -> Result<()> {
    if input.warm_throughput_mi_bps.is_some() {
        return Err(AwsError::parameter_not_implemented("CreateStream", "WarmThroughputMiBps"));
    }
    let mode = match input.stream_mode_details.map(|details| details.stream_mode) {
        Some(StreamMode::OnDemand) => Mode::OnDemand,
        Some(StreamMode::Provisioned) | None => Mode::Provisioned,
    };
    let shards = match (mode, input.shard_count) {
        (Mode::OnDemand, None) => stream::ON_DEMAND_SHARDS,
        (Mode::OnDemand, Some(_)) => {
            return Err(errors::validation_exception(
                "Request is invalid. ShardCount must not be specified for a stream in On-Demand mode.",
            ));
        }
        (Mode::Provisioned, Some(count)) => u32::try_from(count).unwrap_or(0),
        (Mode::Provisioned, None) => {
            return Err(errors::validation_exception(
                "Request is invalid. ShardCount must be specified for a stream in Provisioned mode.",
            ));
        }
    };
    let places_itself = input.record_distribution_strategy == Some(RecordDistributionStrategy::Auto);
    if mode == Mode::Provisioned && input.record_distribution_strategy.is_some() {
        return Err(invalid("RecordDistributionStrategy is only supported for streams in On-Demand mode."));
    }
    let mut tags = BTreeMap::new();
    stream::add_tags(&mut tags, &input.tags.unwrap_or_default())?;
    let key = (cx.caller.account.to_string(), cx.caller.region.to_string(), input.stream_name);
    let (id, now) = (cx.env.uuid().into_bytes(), cx.env.now());
    let stream = Stream {
        id,
        created_ms: now.as_millis(),
        mode,
        retention_hours: stream::RETENTION_HOURS_MIN,
        horizon_ms: 0,
        record_kib_max: input.max_record_size_in_ki_b.unwrap_or(stream::RECORD_KIB_DEFAULT),
        places_itself,
        tags,
        policy: None,
        next_shard: shards,
        open_shards: shards,
        scaled_ms: Vec::new(),
        switched_ms: Vec::new(),
    };
    let first = u64::try_from(now.as_micros()).unwrap_or(0);
    cx.kv
        .transact(|tx| {
            if STREAMS.get(tx, &key)?.is_some() {
                let (account, _, name) = &key;
                return Err(errors::resource_in_use_exception(format!(
                    "Stream {name} under account {account} already exists."
                )));
            }
            match mode {
                Mode::Provisioned => stream::check_shards(tx, &key, shards)?,
                Mode::OnDemand => check_on_demand(&stream::totals(tx, &key.0, &key.1)?)?,
            }
            STREAMS.put(tx, &key, &stream)?;
            for (number, (start, end)) in (0..).zip(reshard::even(shards)) {
                let shard = Shard {
                    start: HashKey(start),
                    end: HashKey(end),
                    parent: None,
                    adjacent: None,
                    first,
                    created_ms: now.as_millis(),
                    closed: None,
                };
                SHARDS.put(tx, &(id, number), &shard)?;
            }
            Ok(())
        })
        .await
}

/// # Errors
/// `LimitExceededException` when the account has as many streams on demand as it may.
pub(crate) fn check_on_demand(totals: &stream::Totals) -> Result<()> {
    if totals.on_demand < stream::ON_DEMAND_STREAMS_MAX {
        return Ok(());
    }
    Err(errors::limit_exceeded_exception(format!(
        "This request would exceed the limit of {} streams in On-Demand mode for the account.",
        stream::ON_DEMAND_STREAMS_MAX
    )))
}
