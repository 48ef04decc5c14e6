//! `CancelMessageMoveTask`: what was moved stays moved.

use api_sqs::{CancelMessageMoveTaskInput, CancelMessageMoveTaskOutput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::MOVE_TASKS;
use crate::moves::{self, Status};

pub(crate) async fn cancel_message_move_task(
    cx: Ctx,
    input: CancelMessageMoveTaskInput,
) -> Result<CancelMessageMoveTaskOutput> {
    let key = moves::key_of_handle(&input.task_handle)?;
    if (&*key.0, &*key.1) != (&*cx.caller.account, &*cx.caller.region) {
        return Err(moves::no_task());
    }
    let moved = cx
        .kv
        .transact(|tx| {
            let mut task = MOVE_TASKS.get(tx, &key)?.ok_or_else(moves::no_task)?;
            if task.status != Status::Running {
                return Err(errors::unsupported_operation("Only active tasks can be cancelled."));
            }
            task.status = Status::Cancelled;
            MOVE_TASKS.put(tx, &key, &task)?;
            Ok::<_, AwsError>(task.moved)
        })
        .await?;
    Ok(CancelMessageMoveTaskOutput { approximate_number_of_messages_moved: i64::try_from(moved).ok() })
}
