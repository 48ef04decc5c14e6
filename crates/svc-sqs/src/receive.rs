//! Receiving, with or without waiting.

use std::time::Duration;

use aws_wire::{AwsError, Result};
use tokio::sync::oneshot;

use crate::keys::QueueKey;
use crate::message::{State, Taken};
use crate::queue::{self, Named, Queue};
use crate::receipt::Receipt;
use crate::{Ctx, fifo, standard};

/// How long somebody waits whose long poll has no end: pollers of this process, which otherwise would all begin theirs
/// again and again beside queues to which nothing comes.
const PATIENCE: Duration = Duration::from_secs(3600);

/// How messages are received.
pub(crate) struct Terms {
    pub visibility_s: i64,
    dead: Option<DeadLetters>,
}

pub(crate) struct DeadLetters {
    pub key: QueueKey,
    receives_max: u32,
}

impl Terms {
    pub(crate) fn of(queue: &Queue, visibility_s: Option<i64>) -> Self {
        let dead = queue.redrive().and_then(|redrive| {
            let key = queue::key_of_arn(&redrive.target_arn)?;
            Some(DeadLetters { key, receives_max: redrive.receives_max })
        });
        Self { visibility_s: visibility_s.unwrap_or_else(|| queue.visibility_s()), dead }
    }

    /// Where a message goes that was received often enough.
    pub(crate) fn dead_letters(&self, state: &State) -> Option<&DeadLetters> {
        self.dead.as_ref().filter(|dead| state.receives >= dead.receives_max)
    }
}

/// Receives at least one message, or waits for one until the time is over.
///
/// # Errors
/// 400 when the queue is deleted meanwhile.
pub(crate) async fn receive(
    cx: &Ctx,
    mut named: Named,
    visibility_s: Option<i64>,
    wanted: usize,
    wait: Duration,
    again: impl Fn(&kv::Snapshot) -> Result<Named>,
) -> Result<(Named, Vec<Taken>)> {
    let wait = if cx.is_patient { PATIENCE } else { wait };
    let deadline = cx.env.now().after(wait).as_micros();
    loop {
        let cursor = cx.state.cursors.of(named.queue.store);
        let mut arrivals = cursor.arrivals();
        let taken = if cursor.is_empty_at(cx.env.now().as_micros()) {
            Vec::new()
        } else {
            take(cx, &named, visibility_s, wanted).await?
        };
        let now = cx.env.now().as_micros();
        if !taken.is_empty() || now >= deadline {
            return Ok((named, taken));
        }
        // Until something arrives, or what is delayed or in flight becomes visible.
        let until = deadline.min(cursor.next_due()).saturating_sub(now);
        let pause = Duration::from_micros(u64::try_from(until).unwrap_or(0));
        tokio::select! {
            biased;
            () = arrivals.changed() => {}
            () = cx.env.sleep(pause) => {}
        }
        let now = cx.env.now().as_micros();
        if now >= deadline && cursor.is_empty_at(now) {
            return Ok((named, Vec::new()));
        }
        // Its attributes may be others by now, and a purge gives it another store.
        named = again(&cx.kv.snapshot().await?)?;
    }
}

/// Takes what there is. Whoever waits for it may be gone before it is stored that they have it: then it is visible
/// again at once.
async fn take(cx: &Ctx, named: &Named, visibility_s: Option<i64>, wanted: usize) -> Result<Vec<Taken>> {
    let (answer, answered) = oneshot::channel();
    let (cx, named) = (cx.clone(), named.clone());
    tokio::spawn(async move {
        let terms = Terms::of(&named.queue, visibility_s);
        let taken = if named.queue.is_fifo() {
            fifo::take(&cx, &named, &terms, wanted).await
        } else {
            standard::take(&cx, &named, &terms, wanted).await
        };
        if let Err(Ok(taken)) = answer.send(taken) {
            give_back(&cx, &named.queue, taken).await;
        }
    });
    answered.await.map_err(AwsError::internal)?
}

async fn give_back(cx: &Ctx, queue: &Queue, taken: Vec<Taken>) {
    for Taken { state, place, .. } in taken {
        let receipt = Receipt { queue: queue.id, message: state.id, receives: state.receives, place };
        let changed = if queue.is_fifo() {
            fifo::change_visibility(cx, queue.store, &receipt, 0, |_| Ok(())).await
        } else {
            standard::change_visibility(cx, queue.store, &receipt, 0, |_| Ok(())).await
        };
        if let Err(error) = changed {
            tracing::warn!(%error, "a message that nobody waits for stays in flight");
        }
    }
}
