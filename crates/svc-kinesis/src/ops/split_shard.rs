//! `SplitShard`: two shards in place of one.

use api_kinesis::SplitShardInput;
use aws_wire::{AwsError, Result};

use crate::keys::StreamKey;
use crate::refusal::{could_not_find_shard, invalid, on_demand};
use crate::reshard::{self, Plan};
use crate::stream::asked;
use crate::{Ctx, shard};

pub(crate) async fn split_shard(cx: Ctx, input: SplitShardInput) -> Result<()> {
    let asked_key = &input.new_starting_hash_key;
    let split = reshard::carry_out(&cx, asked!("SplitShard", input), |named, plan| {
        if named.stream.is_on_demand() {
            return Err(on_demand(&named.key));
        }
        let number = open(plan, &named.key, &input.shard_to_split)?;
        let shard = plan.get(number).expect("it was found just now");
        let within = |at: &u128| *at > shard.start.0.saturating_add(1) && *at < shard.end.0;
        let Some(at) = asked_key.parse().ok().filter(within) else {
            return Err(invalid(format!(
                "NewStartingHashKey {asked_key} used in SplitShard() on shard {} in stream {} under account {} is not both \
                 greater than one plus the shard's StartingHashKey {} and less than the shard's EndingHashKey {}.",
                shard::name(number),
                named.key.2,
                named.key.0,
                shard.start,
                shard.end
            )));
        };
        plan.split(number, at);
        Ok(())
    });
    split.await.map(drop)
}

/// The open shard that a request names.
///
/// # Errors
/// `ResourceNotFoundException` without it, 400 when it was split or merged before.
pub(crate) fn open(plan: &Plan, key: &StreamKey, name: &str) -> Result<u32, AwsError> {
    let missing = || could_not_find_shard(name, key);
    let number = shard::number(name).ok_or_else(missing)?;
    if plan.get(number).ok_or_else(missing)?.is_open() {
        return Ok(number);
    }
    Err(invalid(format!(
        "Shard {} in stream {} under account {} has already been merged or split, and thus is not eligible for merging or \
         splitting.",
        shard::name(number),
        key.2,
        key.0
    )))
}
