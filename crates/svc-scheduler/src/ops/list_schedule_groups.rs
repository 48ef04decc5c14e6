//! `ListScheduleGroups`: by name, the default one among them.

use api_scheduler::{ListScheduleGroupsInput, ListScheduleGroupsOutput, ScheduleGroupSummary};
use aws_wire::Result;
use kv::{Span, StartsWith};

use crate::group::{self, DEFAULT, Group};
use crate::keys::GROUPS;
use crate::{Ctx, page};

pub(crate) async fn list_schedule_groups(
    cx: Ctx,
    input: ListScheduleGroupsInput,
) -> Result<ListScheduleGroupsOutput> {
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let prefix = input.name_prefix.as_deref().unwrap_or_default();
    // There are five hundred at most, and the default one need not be among the rows.
    let mut rows =
        GROUPS.all(&cx.kv.snapshot().await?, &Span::prefix(&(account, region, StartsWith(prefix))))?;
    if DEFAULT.starts_with(prefix) && !rows.iter().any(|((.., name), _)| name == DEFAULT) {
        rows.push((group::key(&cx, DEFAULT), Group::default()));
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    if let Some(token) = &input.next_token {
        let last = page::after(token)?;
        rows.retain(|((.., name), _)| *name > last);
    }
    let length = page::length(input.max_results);
    let more = rows.len() > length;
    rows.truncate(length);
    let next_token = rows.last().filter(|_| more).map(|((.., name), _)| page::token(name));
    let groups = rows.into_iter().map(|(key, group)| ScheduleGroupSummary {
        arn: Some(group::arn(&key)),
        name: Some(key.2),
        state: Some(group.state()),
        creation_date: group.created(),
        last_modification_date: group.modified(),
    });
    Ok(ListScheduleGroupsOutput { next_token, schedule_groups: groups.collect() })
}
