//! `ListSchedules`: of one group or of all, by group and name.

use api_scheduler::{ListSchedulesInput, ListSchedulesOutput, ScheduleSummary, TargetSummary};
use aws_wire::Result;
use env::Timestamp;
use kv::{Direction, Span, StartsWith};

use crate::keys::{SCHEDULES, ScheduleKey};
use crate::schedules::Schedule;
use crate::{Ctx, group, page, schedules};

/// Rows read at once, while some are left out.
const ROWS: usize = 1000;

pub(crate) async fn list_schedules(cx: Ctx, input: ListSchedulesInput) -> Result<ListSchedulesOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let prefix = input.name_prefix.as_deref().unwrap_or_default();
    let mut span = match &input.group_name {
        Some(name) => {
            group::find(&snapshot, &group::key(&cx, name))?;
            Span::prefix(&(account, region, name.as_str(), StartsWith(prefix)))
        }
        None => Span::prefix(&(account, region)),
    };
    if let Some(token) = &input.next_token {
        let last = page::after(token)?;
        let (group, name) = last.split_once('/').unwrap_or((last.as_str(), ""));
        span = span.after(&(account, region, group, name));
    }
    let length = page::length(input.max_results);
    let wanted = |(key, schedule): &(ScheduleKey, Schedule)| {
        key.3.starts_with(prefix) && input.state.is_none_or(|state| schedule.state() == state)
    };
    let mut found = Vec::new();
    while found.len() <= length {
        let rows = SCHEDULES.scan(&snapshot, &span, ROWS, Direction::Forward)?;
        let more = rows.len() == ROWS;
        if let Some((last, _)) = rows.last() {
            span = span.after(last);
        }
        found.extend(rows.into_iter().filter(wanted));
        if !more {
            break;
        }
    }
    let more = found.len() > length;
    found.truncate(length);
    let next_token = found.last().filter(|_| more);
    let next_token = next_token.map(|((_, _, group, name), _)| page::token(&format!("{group}/{name}")));
    let schedules = found.into_iter().map(|(key, schedule)| ScheduleSummary {
        arn: Some(schedules::arn(&key)),
        state: Some(schedule.state()),
        group_name: Some(key.2),
        name: Some(key.3),
        creation_date: Some(Timestamp::from_millis(schedule.created_ms)),
        last_modification_date: Some(Timestamp::from_millis(schedule.modified_ms)),
        target: Some(TargetSummary { arn: schedule.target.arn }),
    });
    Ok(ListSchedulesOutput { next_token, schedules: schedules.collect() })
}
