//! `UpdateSchedule`: makes a schedule anew; what is not said is not kept. A schedule with the same times goes on.

use api_scheduler::{UpdateScheduleInput, UpdateScheduleOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::schedules::{self, Said, Schedule};

pub(crate) async fn update_schedule(cx: Ctx, input: UpdateScheduleInput) -> Result<UpdateScheduleOutput> {
    let key = schedules::key(&cx, input.group_name.as_deref(), &input.name);
    schedules::find(&cx.kv.snapshot().await?, &key)?;
    let said = Said {
        expression: input.schedule_expression,
        zone: input.schedule_expression_timezone,
        start: input.start_date,
        end: input.end_date,
        description: input.description,
        state: input.state,
        key_arn: input.kms_key_arn,
        target: input.target,
        window: input.flexible_time_window,
        after: input.action_after_completion,
        token: input.client_token,
    };
    let said = said.check(&cx, "UpdateSchedule").await?;
    let (now, random) = (cx.env.now().as_secs(), schedules::draw(&cx));
    cx.kv
        .transact(|tx| {
            let before = schedules::find(tx, &key)?;
            let mut schedule = Schedule { created_ms: before.created_ms, ..said.clone() };
            if times(&before) == times(&schedule) {
                (schedule.anchor, schedule.due) = (before.anchor, before.due);
            } else {
                schedule.due = schedule.next(now, random);
            }
            schedules::put(tx, &key, &schedule, before.due)
        })
        .await?;
    Ok(UpdateScheduleOutput { schedule_arn: schedules::arn(&key) })
}

/// What says when it is due.
fn times(schedule: &Schedule) -> impl PartialEq + '_ {
    let Schedule { expression, zone, start_ms, end_ms, enabled, window_minutes, .. } = schedule;
    (expression, zone, start_ms, end_ms, enabled, window_minutes)
}
