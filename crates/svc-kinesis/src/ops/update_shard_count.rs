//! `UpdateShardCount`: so many shards of one width, by splits and merges.

use api_kinesis::{ScalingType, UpdateShardCountInput, UpdateShardCountOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::refusal::{invalid, on_demand};
use crate::reshard;
use crate::stream::asked;

const SHARDS_MAX: u32 = 10_000;
/// Changes in a day.
const CHANGES_MAX: usize = 10;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) async fn update_shard_count(
    cx: Ctx,
    input: UpdateShardCountInput,
) -> Result<UpdateShardCountOutput> {
    let ScalingType::UniformScaling = input.scaling_type;
    let target = u32::try_from(input.target_shard_count).unwrap_or(0);
    let now_ms = cx.env.now().as_millis();
    let scale = reshard::carry_out(&cx, asked!("UpdateShardCount", input), |named, plan| {
        if named.stream.is_on_demand() {
            return Err(on_demand(&named.key));
        }
        let current = plan.open_count();
        check(current, target)?;
        let scaled_ms = &mut named.stream.scaled_ms;
        scaled_ms.retain(|at_ms| now_ms - at_ms < DAY_MS);
        if scaled_ms.len() >= CHANGES_MAX {
            return Err(errors::limit_exceeded_exception(format!(
                "UpdateShardCount cannot be called more than {CHANGES_MAX} times in a rolling 24-hour period for stream {} \
                 under account {}.",
                named.key.2, named.key.0
            )));
        }
        scaled_ms.push(now_ms);
        plan.scale(target);
        Ok(current)
    });
    let (named, current) = scale.await?;
    Ok(UpdateShardCountOutput {
        stream_arn: Some(named.arn()),
        stream_name: Some(named.key.2),
        current_shard_count: i32::try_from(current).ok(),
        target_shard_count: Some(input.target_shard_count),
    })
}

fn check(current: u32, target: u32) -> Result<()> {
    let counts = format!("Current open shard count: {current}, target shard count: {target}.");
    if target > SHARDS_MAX {
        return Err(invalid(format!(
            "UpdateShardCount cannot scale up to more than {SHARDS_MAX} shards. {counts}"
        )));
    }
    if target > current.saturating_mul(2) {
        return Err(invalid(format!(
            "UpdateShardCount cannot scale up over double your current open shard count. {counts}"
        )));
    }
    if target.saturating_mul(2) < current {
        return Err(invalid(format!(
            "UpdateShardCount cannot scale down below half your current open shard count. {counts}"
        )));
    }
    Ok(())
}
