//! `DescribeLimits`

use api_kinesis::{DescribeLimitsInput, DescribeLimitsOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::stream::{ON_DEMAND_STREAMS_MAX, SHARDS_MAX, totals};

pub(crate) async fn describe_limits(cx: Ctx, _: DescribeLimitsInput) -> Result<DescribeLimitsOutput> {
    let totals = totals(&cx.kv.snapshot().await?, &cx.caller.account, &cx.caller.region)?;
    Ok(DescribeLimitsOutput {
        shard_limit: i32::try_from(SHARDS_MAX).unwrap_or(i32::MAX),
        open_shard_count: i32::try_from(totals.open_shards).unwrap_or(i32::MAX),
        on_demand_stream_count: i32::try_from(totals.on_demand).unwrap_or(i32::MAX),
        on_demand_stream_count_limit: i32::try_from(ON_DEMAND_STREAMS_MAX).unwrap_or(i32::MAX),
        // Channels can't be made here.
        channel_count: Some(0),
        channel_count_limit: Some(0),
    })
}
