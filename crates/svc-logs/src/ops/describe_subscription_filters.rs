//! `DescribeSubscriptionFilters`: a group's filters by name.

use api_logs::{DescribeSubscriptionFiltersInput, DescribeSubscriptionFiltersOutput, SubscriptionFilter};
use aws_wire::Result;

use crate::subscription::Filter;
use crate::{Ctx, group};

const PAGE_MAX: usize = 50;

pub(crate) async fn describe_subscription_filters(
    cx: Ctx,
    input: DescribeSubscriptionFiltersInput,
) -> Result<DescribeSubscriptionFiltersOutput> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
    let group = group::find(&cx.kv.snapshot().await?, &group::key(&cx, &input.log_group_name))?;
    let prefix = input.filter_name_prefix.unwrap_or_default();
    let mut filters = group.filters;
    filters.retain(|filter| filter.name.starts_with(&prefix));
    // A token is the name of the last one shown.
    filters.retain(|filter| input.next_token.as_ref().is_none_or(|last| filter.name > *last));
    let more = filters.len() > limit;
    filters.truncate(limit);
    let next_token = filters.last().filter(|_| more).map(|last| last.name.clone());
    let shown = filters.into_iter().map(|filter| show(&input.log_group_name, filter));
    Ok(DescribeSubscriptionFiltersOutput { subscription_filters: Some(shown.collect()), next_token })
}

fn show(group: &str, filter: Filter) -> SubscriptionFilter {
    SubscriptionFilter {
        distribution: Some(filter.distribution()),
        filter_name: Some(filter.name),
        log_group_name: Some(group.to_owned()),
        filter_pattern: Some(filter.pattern),
        destination_arn: Some(filter.destination),
        role_arn: filter.role,
        apply_on_transformed_logs: Some(false),
        creation_time: Some(filter.created_ms),
        field_selection_criteria: None,
        emit_system_fields: None,
    }
}
