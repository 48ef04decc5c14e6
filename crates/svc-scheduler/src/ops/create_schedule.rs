//! `CreateSchedule`: a request that comes again with its token is answered as the first time.

use api_scheduler::{CreateScheduleInput, CreateScheduleOutput, errors};
use aws_wire::{AwsError, Result};

use crate::keys::SCHEDULES;
use crate::schedules::{self, Said};
use crate::{Ctx, group};

pub(crate) async fn create_schedule(cx: Ctx, input: CreateScheduleInput) -> Result<CreateScheduleOutput> {
    let key = schedules::key(&cx, input.group_name.as_deref(), &input.name);
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
    let mut schedule = said.check(&cx, "CreateSchedule").await?;
    // A rate is due at once, where nothing says when it starts; so is the very second of this request.
    let now = cx.env.now().as_secs();
    let after = if schedule.expression.starts_with("cron(") { now } else { now - 1 };
    schedule.due = schedule.next(after, schedules::draw(&cx));
    cx.kv
        .transact(|tx| {
            let named = group::key(&cx, &key.2);
            if group::find(tx, &named)?.deleting {
                return Err(group::missing(&key.2));
            }
            match SCHEDULES.get(tx, &key)? {
                Some(known) if known.token.is_some() && known.token == schedule.token => Ok(()),
                Some(_) => Err(errors::conflict_exception(format!("Schedule {} already exists.", key.3))),
                None => schedules::put(tx, &key, &schedule, None),
            }
        })
        .await?;
    Ok::<_, AwsError>(CreateScheduleOutput { schedule_arn: schedules::arn(&key) })
}
