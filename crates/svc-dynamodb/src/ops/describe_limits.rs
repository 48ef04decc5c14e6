//! `DescribeLimits`: AWS's own quotas.

use api_dynamodb::{DescribeLimitsInput, DescribeLimitsOutput};
use aws_wire::Result;

use crate::Ctx;

pub(crate) async fn describe_limits(_cx: Ctx, _input: DescribeLimitsInput) -> Result<DescribeLimitsOutput> {
    Ok(DescribeLimitsOutput {
        account_max_read_capacity_units: Some(80_000),
        account_max_write_capacity_units: Some(80_000),
        table_max_read_capacity_units: Some(40_000),
        table_max_write_capacity_units: Some(40_000),
    })
}
