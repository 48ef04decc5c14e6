//! `MergeShards`: one shard in place of two neighbours.

use api_kinesis::MergeShardsInput;
use aws_wire::Result;

use crate::Ctx;
use crate::ops::split_shard::open;
use crate::refusal::{invalid, on_demand};
use crate::reshard;
use crate::shard;
use crate::stream::asked;

pub(crate) async fn merge_shards(cx: Ctx, input: MergeShardsInput) -> Result<()> {
    let merge = reshard::carry_out(&cx, asked!("MergeShards", input), |named, plan| {
        if named.stream.is_on_demand() {
            return Err(on_demand(&named.key));
        }
        let first = open(plan, &named.key, &input.shard_to_merge)?;
        let second = open(plan, &named.key, &input.adjacent_shard_to_merge)?;
        let end = plan.get(first).expect("it was found just now").end;
        let start = plan.get(second).expect("it was found just now").start;
        if end.0.checked_add(1) != Some(start.0) {
            return Err(invalid(format!(
                "Shards {} and {} in stream {} under account {} are not an adjacent pair of shards eligible for merging",
                shard::name(first),
                shard::name(second),
                named.key.2,
                named.key.0
            )));
        }
        plan.merge(first, second);
        Ok(())
    });
    merge.await.map(drop)
}
