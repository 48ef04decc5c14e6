//! `DeleteScheduleGroup`: its schedules go with it, one after the other; until then it is there.

use api_scheduler::{DeleteScheduleGroupInput, DeleteScheduleGroupOutput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::group::{self, DEFAULT};
use crate::keys::GROUPS;

pub(crate) async fn delete_schedule_group(
    cx: Ctx,
    input: DeleteScheduleGroupInput,
) -> Result<DeleteScheduleGroupOutput> {
    if input.name == DEFAULT {
        return Err(errors::validation_exception("The default schedule group cannot be deleted."));
    }
    let (key, now_ms) = (group::key(&cx, &input.name), cx.env.now().as_millis());
    cx.kv
        .transact(|tx| {
            let mut group = group::find(tx, &key)?;
            (group.deleting, group.modified_ms) = (true, now_ms);
            Ok::<_, AwsError>(GROUPS.put(tx, &key, &group)?)
        })
        .await?;
    Ok(DeleteScheduleGroupOutput {})
}
