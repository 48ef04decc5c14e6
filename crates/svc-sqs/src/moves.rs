//! Message move tasks: dead letters go back to where they came from, or to another queue.

use std::time::Duration;

use api_sqs::errors;
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kv::{Direction, Read, Span};
use serde::{Deserialize, Serialize};

use crate::keys::{MOVE_TASKS, QUEUES, QueueKey};
use crate::message::State;
use crate::queue::{self, Queue};
use crate::{Ctx, fifo, send, standard};

/// Messages moved in one transaction.
const STEP: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Running,
    Completed,
    Cancelled,
    Failed,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MoveTask {
    pub status: Status,
    /// Without it each message goes back to the queue whose dead letter it is.
    #[serde(default)]
    pub destination_arn: Option<String>,
    #[serde(default)]
    pub per_second_max: Option<u32>,
    pub moved: u64,
    /// How many there were at the start.
    pub to_move: u64,
    #[serde(default)]
    pub failure: Option<String>,
}

/// Account, region, source queue, start.
pub(crate) type TaskKey = (String, String, String, i64);

pub(crate) fn handle((account, region, name, started): &TaskKey) -> String {
    BASE64.encode(format!("{started}/{}", queue::arn(&(account.clone(), region.clone(), name.clone()))))
}

/// The task of a handle.
///
/// # Errors
/// 404 for what is none.
pub(crate) fn key_of_handle(handle: &str) -> Result<TaskKey> {
    let text = BASE64.decode(handle).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key = text.as_deref().and_then(|text| text.split_once('/')).and_then(|(started, arn)| {
        let (account, region, name) = queue::key_of_arn(arn)?;
        Some((account, region, name, started.parse().ok()?))
    });
    key.ok_or_else(no_task)
}

pub(crate) fn no_task() -> AwsError {
    errors::resource_not_found_exception("The specified task handle does not exist.")
}

/// A queue's tasks, the latest first.
///
/// # Errors
/// Those of the store.
pub(crate) fn of_queue(reader: &impl Read, key: &QueueKey, limit: usize) -> Result<Vec<(TaskKey, MoveTask)>> {
    let span = Span::prefix(&(key.0.as_str(), key.1.as_str(), key.2.as_str()));
    Ok(MOVE_TASKS.scan(reader, &span, limit, Direction::Reverse)?)
}

/// Works on all running tasks until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(MOVE_TASKS.prefix(&()));
    loop {
        match step_all(&cx).await {
            Ok(Pace::Idle) => watch.changed().await,
            Ok(Pace::Slow) => cx.env.sleep(Duration::from_secs(1)).await,
            Ok(Pace::Fast) => {}
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "move messages");
                cx.env.sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// How soon the next step is due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pace {
    Idle,
    Slow,
    Fast,
}

async fn step_all(cx: &Ctx) -> Result<Pace> {
    let tasks = MOVE_TASKS.all(&cx.kv.snapshot().await?, &Span::all())?;
    let mut pace = Pace::Idle;
    for (key, task) in tasks.into_iter().filter(|(_, task)| task.status == Status::Running) {
        let limited = if task.per_second_max.is_some() { Pace::Slow } else { Pace::Fast };
        pace = pace.max(limited);
        let (moved, status, failure) = match step(cx, &key, &task).await {
            Ok(0) => (0, Status::Completed, None),
            Ok(moved) => (moved, Status::Running, None),
            Err(error) if error.status >= 500 => return Err(error),
            Err(error) => {
                (0, Status::Failed, Some(error.query_code.map_or(error.code.to_string(), str::to_owned)))
            }
        };
        let moved = u64::try_from(moved).unwrap_or(0);
        cx.kv
            .transact(|tx| {
                let Some(mut task) = MOVE_TASKS.get(tx, &key)? else { return Ok::<_, AwsError>(()) };
                task.moved += moved;
                if task.status == Status::Running {
                    task.status = status;
                    task.failure.clone_from(&failure);
                }
                Ok(MOVE_TASKS.put(tx, &key, &task)?)
            })
            .await?;
    }
    Ok(pace)
}

/// Moves some; 0 when nothing is left.
async fn step(cx: &Ctx, (account, region, name, _): &TaskKey, task: &MoveTask) -> Result<usize> {
    let key = (account.clone(), region.clone(), name.clone());
    let source = QUEUES.get(&cx.kv.snapshot().await?, &key)?.ok_or_else(queue::does_not_exist)?;
    let wanted = task.per_second_max.and_then(|most| usize::try_from(most).ok()).unwrap_or(STEP);
    let now = cx.env.now();
    let route = |tx: &mut kv::Tx, mut state: State| {
        let arn = task.destination_arn.clone().or_else(|| state.source.clone());
        let arn = arn.ok_or_else(|| {
            AwsError::common(
                "CouldNotDetermineMessageSource",
                400,
                "The message was not moved here by a redrive policy.",
            )
        })?;
        let target = queue::key_of_arn(&arn).ok_or_else(queue::does_not_exist)?;
        let target: Queue = QUEUES.get(tx, &target)?.ok_or_else(queue::does_not_exist)?;
        state.source = None;
        send::move_to(tx, &target, state, now).map(Some)
    };
    if source.is_fifo() {
        fifo::shift(cx, source.store, wanted, route).await
    } else {
        standard::shift(cx, source.store, wanted, route).await
    }
}
