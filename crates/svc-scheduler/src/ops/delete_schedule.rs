//! `DeleteSchedule`: what it has fired is still delivered.

use api_scheduler::{DeleteScheduleInput, DeleteScheduleOutput};
use aws_wire::Result;

use crate::{Ctx, schedules};

pub(crate) async fn delete_schedule(cx: Ctx, input: DeleteScheduleInput) -> Result<DeleteScheduleOutput> {
    let key = schedules::key(&cx, input.group_name.as_deref(), &input.name);
    cx.kv.transact(|tx| schedules::delete(tx, &key, &schedules::find(tx, &key)?)).await?;
    Ok(DeleteScheduleOutput {})
}
