//! `DescribeAccountLimits`

use api_elbv2::{DescribeAccountLimitsInput, DescribeAccountLimitsOutput, Limit};
use aws_wire::Result;

use crate::{Ctx, page};

/// Of an account in a region.
pub(crate) const LOAD_BALANCERS_MAX: usize = 50;
pub(crate) const TARGET_GROUPS_MAX: usize = 3000;
/// Of a load balancer.
pub(crate) const LISTENERS_MAX: usize = 50;
/// Of a load balancer, without default rules.
pub(crate) const RULES_MAX: usize = 100;

const LIMITS: [(&str, usize); 4] = [
    ("application-load-balancers", LOAD_BALANCERS_MAX),
    ("listeners-per-application-load-balancer", LISTENERS_MAX),
    ("rules-per-application-load-balancer", RULES_MAX),
    ("target-groups", TARGET_GROUPS_MAX),
];

pub(crate) async fn describe_account_limits(
    _cx: Ctx,
    input: DescribeAccountLimitsInput,
) -> Result<DescribeAccountLimitsOutput> {
    let limits = LIMITS.iter().map(|(name, max)| {
        ((*name).to_owned(), Limit { name: Some((*name).to_owned()), max: Some(max.to_string()) })
    });
    let (limits, next_marker) = page::of(limits.collect(), input.marker.as_deref(), input.page_size)?;
    Ok(DescribeAccountLimitsOutput { limits: Some(limits), next_marker })
}
