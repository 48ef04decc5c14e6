//! `StartMessageMoveTask`: notes the task; `moves.rs` does the work.

use api_sqs::{StartMessageMoveTaskInput, StartMessageMoveTaskOutput, errors};
use aws_wire::{AwsError, Result};

use crate::keys::{MOVE_TASKS, QUEUES};
use crate::moves::{self, MoveTask, Status};
use crate::refusal::invalid_value;
use crate::{Ctx, counts, queue};

const PER_SECOND_MAX: i32 = 500;
/// Of one source queue; one more is begun.
const TASKS_KEPT: usize = 100;
const TASKS_SHOWN: usize = 10;

pub(crate) async fn start_message_move_task(
    cx: Ctx,
    input: StartMessageMoveTaskInput,
) -> Result<StartMessageMoveTaskOutput> {
    let no_queue = |_: ()| {
        errors::resource_not_found_exception(
            "The resource that you specified for the SourceArn parameter doesn't exist.",
        )
    };
    let per_second = input.max_number_of_messages_per_second;
    if let Some(rate) = per_second.filter(|rate| !(1..=PER_SECOND_MAX).contains(rate)) {
        let reason = "Must be between 1 and 500, if provided.";
        return Err(invalid_value(rate, "MaxNumberOfMessagesPerSecond", reason));
    }
    let key = queue::own_key_of_arn(&cx, &input.source_arn).ok_or(()).map_err(no_queue)?;
    let snapshot = cx.kv.snapshot().await?;
    let source = QUEUES.get(&snapshot, &key)?.ok_or(()).map_err(no_queue)?;
    if queue::sources(&snapshot, &key)?.is_empty() {
        return Err(invalid_value(
            &input.source_arn,
            "SourceArn",
            "Source queue must be configured as a Dead Letter Queue.",
        ));
    }
    if let Some(arn) = &input.destination_arn {
        let target = queue::own_key_of_arn(&cx, arn).filter(|target| *target != key);
        let target = target.map(|target| QUEUES.get(&snapshot, &target)).transpose()?.flatten();
        let target = target.ok_or_else(|| {
            errors::resource_not_found_exception(
                "The resource that you specified for the DestinationArn parameter doesn't exist.",
            )
        })?;
        if target.is_fifo() != source.is_fifo() {
            return Err(invalid_value(
                arn,
                "DestinationArn",
                "Destination queue must be of the same type as the source.",
            ));
        }
    }
    let counts = counts::count(&cx, &source).await?;
    let task = MoveTask {
        status: Status::Running,
        destination_arn: input.destination_arn,
        per_second_max: per_second.and_then(|rate| u32::try_from(rate).ok()),
        moved: 0,
        to_move: u64::try_from(counts.visible).unwrap_or(u64::MAX),
        failure: None,
    };
    let started = cx.env.now().as_micros();
    let task_key = (key.0.clone(), key.1.clone(), key.2.clone(), started);
    cx.kv
        .transact(|tx| {
            let tasks = moves::of_queue(tx, &key, TASKS_KEPT)?;
            if tasks.iter().any(|(_, task)| task.status == Status::Running) {
                return Err(errors::unsupported_operation("There is already a task running. Only one active task is allowed for a source queue arn at a \
                     given time."));
            }
            for (old, _) in tasks.iter().skip(TASKS_SHOWN - 1) {
                MOVE_TASKS.delete(tx, old)?;
            }
            Ok::<_, AwsError>(MOVE_TASKS.put(tx, &task_key, &task)?)
        })
        .await?;
    Ok(StartMessageMoveTaskOutput { task_handle: Some(moves::handle(&task_key)) })
}
