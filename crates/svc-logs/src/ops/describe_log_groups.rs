//! `DescribeLogGroups`: the region's groups by name, page by page.

use api_logs::{DescribeLogGroupsInput, DescribeLogGroupsOutput, LogGroup, LogGroupClass, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span, StartsWith};

use crate::Ctx;
use crate::group;
use crate::keys::GROUPS;
use crate::stream;

const PAGE_MAX: usize = 50;
/// Groups read from the store at once.
const SCAN: usize = 1000;

pub(crate) async fn describe_log_groups(
    cx: Ctx,
    input: DescribeLogGroupsInput,
) -> Result<DescribeLogGroupsOutput> {
    let unhonoured = [
        ("accountIdentifiers", input.account_identifiers.is_some()),
        ("includeLinkedAccounts", input.include_linked_accounts == Some(true)),
        ("logGroupIdentifiers", input.log_group_identifiers.is_some()),
    ];
    if let Some((parameter, _)) = unhonoured.iter().find(|(_, asked)| *asked) {
        return Err(AwsError::parameter_not_implemented("DescribeLogGroups", parameter));
    }
    if input.log_group_name_prefix.is_some() && input.log_group_name_pattern.is_some() {
        return Err(errors::invalid_parameter_exception(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    if input.log_group_class.is_some_and(|class| class != LogGroupClass::Standard) {
        return Ok(DescribeLogGroupsOutput { log_groups: Some(Vec::new()), next_token: None });
    }
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let prefix = (account, region, StartsWith(input.log_group_name_prefix.as_deref().unwrap_or_default()));
    let snapshot = cx.kv.snapshot().await?;
    let mut after = input.next_token;
    let mut shown = Vec::<LogGroup>::new();
    loop {
        let mut span = Span::prefix(&prefix);
        if let Some(after) = &after {
            span = span.after(&(account, region, after.as_str()));
        }
        let page = GROUPS.scan(&snapshot, &span, SCAN, Direction::Forward)?;
        let full = page.len() == SCAN;
        for ((.., name), group) in page {
            after = Some(name.clone());
            if input.log_group_name_pattern.as_ref().is_some_and(|pattern| !contains(&name, pattern)) {
                continue;
            }
            if shown.len() == limit {
                let next_token = shown.last().and_then(|last| last.log_group_name.clone());
                return Ok(DescribeLogGroupsOutput { log_groups: Some(shown), next_token });
            }
            let bytes =
                stream::all(&snapshot, group.id, "")?.iter().map(|(_, s)| s.stored_bytes).sum::<u64>();
            let arn = group::arn(&cx, &name);
            shown.push(LogGroup {
                log_group_name: Some(name),
                creation_time: Some(group.created_ms),
                metric_filter_count: Some(0),
                arn: Some(format!("{arn}:*")),
                log_group_arn: Some(arn),
                stored_bytes: i64::try_from(bytes).ok(),
                log_group_class: Some(LogGroupClass::Standard),
                ..LogGroup::default()
            });
        }
        if !full {
            return Ok(DescribeLogGroupsOutput { log_groups: Some(shown), next_token: None });
        }
    }
}

/// A name pattern is a part of the name, in any case.
fn contains(name: &str, pattern: &str) -> bool {
    name.to_lowercase().contains(&pattern.to_lowercase())
}
