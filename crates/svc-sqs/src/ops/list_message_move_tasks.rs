//! `ListMessageMoveTasks`: the latest first, ten at most.

use api_sqs::{
    ListMessageMoveTasksInput, ListMessageMoveTasksOutput, ListMessageMoveTasksResultEntry, errors,
};
use aws_wire::Result;

use crate::keys::QUEUES;
use crate::moves::{self, MoveTask, Status, TaskKey};
use crate::refusal::invalid_value;
use crate::{Ctx, queue};

const TASKS_MAX: i32 = 10;

pub(crate) async fn list_message_move_tasks(
    cx: Ctx,
    input: ListMessageMoveTasksInput,
) -> Result<ListMessageMoveTasksOutput> {
    let limit = input.max_results.unwrap_or(1);
    if !(1..=TASKS_MAX).contains(&limit) {
        return Err(invalid_value(limit, "MaxResults", "Must be between 1 and 10, if provided."));
    }
    let snapshot = cx.kv.snapshot().await?;
    let key = queue::own_key_of_arn(&cx, &input.source_arn);
    let queue = key.as_ref().map(|key| QUEUES.get(&snapshot, key)).transpose()?.flatten();
    let (Some(key), Some(_)) = (key, queue) else {
        return Err(errors::resource_not_found_exception(
            "The resource that you specified for the SourceArn parameter doesn't exist.",
        ));
    };
    let tasks = moves::of_queue(&snapshot, &key, usize::try_from(limit).unwrap_or(1))?;
    let shown = tasks.into_iter().map(|(key, task)| show(&input.source_arn, &key, task)).collect::<Vec<_>>();
    Ok(ListMessageMoveTasksOutput { results: (!shown.is_empty()).then_some(shown) })
}

fn show(source_arn: &str, key: &TaskKey, task: MoveTask) -> ListMessageMoveTasksResultEntry {
    ListMessageMoveTasksResultEntry {
        // Only a task that runs can be cancelled, and only it has a handle.
        task_handle: (task.status == Status::Running).then(|| moves::handle(key)),
        status: Some(task.status.name().to_owned()),
        source_arn: Some(source_arn.to_owned()),
        destination_arn: task.destination_arn,
        max_number_of_messages_per_second: task.per_second_max.and_then(|rate| i32::try_from(rate).ok()),
        approximate_number_of_messages_moved: i64::try_from(task.moved).ok(),
        approximate_number_of_messages_to_move: i64::try_from(task.to_move).ok(),
        failure_reason: task.failure,
        started_timestamp: Some(key.3 / 1000),
    }
}
