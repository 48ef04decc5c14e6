//! `GetSchedule`

use api_scheduler::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, GetScheduleInput, GetScheduleOutput,
};
use aws_wire::Result;
use env::Timestamp;

use crate::{Ctx, schedules};

pub(crate) async fn get_schedule(cx: Ctx, input: GetScheduleInput) -> Result<GetScheduleOutput> {
    let key = schedules::key(&cx, input.group_name.as_deref(), &input.name);
    let schedule = schedules::find(&cx.kv.snapshot().await?, &key)?;
    let mode = match schedule.window_minutes {
        Some(_) => FlexibleTimeWindowMode::Flexible,
        None => FlexibleTimeWindowMode::Off,
    };
    let after =
        if schedule.deleted_after { ActionAfterCompletion::Delete } else { ActionAfterCompletion::None };
    Ok(GetScheduleOutput {
        arn: Some(schedules::arn(&key)),
        group_name: Some(key.2),
        name: Some(key.3),
        state: Some(schedule.state()),
        schedule_expression: Some(schedule.expression),
        start_date: schedule.start_ms.map(Timestamp::from_millis),
        end_date: schedule.end_ms.map(Timestamp::from_millis),
        description: schedule.description,
        schedule_expression_timezone: Some(schedule.zone),
        creation_date: Some(Timestamp::from_millis(schedule.created_ms)),
        last_modification_date: Some(Timestamp::from_millis(schedule.modified_ms)),
        kms_key_arn: None,
        target: Some(schedule.target.show()),
        flexible_time_window: Some(FlexibleTimeWindow {
            mode,
            maximum_window_in_minutes: schedule.window_minutes.and_then(|minutes| minutes.try_into().ok()),
        }),
        action_after_completion: Some(after),
    })
}
