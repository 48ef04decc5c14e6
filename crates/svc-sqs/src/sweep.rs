//! Removes what is over: messages past their retention, deduplication ids, deleted and purged queues' rows.

use std::time::Duration;

use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::keys::{
    CONTENTS, DELETED, DOOMED, DUPLICATES, FORGETTING, GROUPS, GROUPS_READY, Id, QUEUES, READY, SEQUENCES,
    STATES,
};
use crate::queue::Queue;
use crate::{Ctx, fifo, standard};

/// Rows removed in one transaction.
const PAGE: usize = 500;
const EVERY: Duration = Duration::from_secs(10);
/// How long a deleted queue's name is not to be had, in milliseconds.
pub(crate) const NAME_KEPT_MS: i64 = 60_000;

pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(DOOMED.prefix(&()));
    let mut forgotten = i64::MIN;
    loop {
        if let Err(error) = sweep(&cx, &mut forgotten).await {
            tracing::error!(%error, cause = ?error.cause, "sweep queues");
        }
        tokio::select! {
            biased;
            () = watch.changed() => {}
            () = cx.env.sleep(EVERY) => {}
        }
    }
}

async fn sweep(cx: &Ctx, forgotten: &mut i64) -> Result<()> {
    while remove_doomed(cx).await? {}
    while forget(cx, forgotten).await? {}
    let now_ms = cx.env.now().as_millis();
    let snapshot = cx.kv.snapshot().await?;
    for (key, deleted_ms) in DELETED.all(&snapshot, &Span::all())? {
        if deleted_ms + NAME_KEPT_MS <= now_ms {
            cx.kv.transact(|tx| Ok::<_, AwsError>(DELETED.delete(tx, &key)?)).await?;
        }
    }
    for (_, queue) in QUEUES.all(&snapshot, &Span::all())? {
        while expire(cx, &queue).await? {}
    }
    Ok(())
}

/// Removes the oldest messages. What was received in between stands further back in the index: it goes when it is
/// received or comes to the front; it is not counted meanwhile.
async fn expire(cx: &Ctx, queue: &Queue) -> Result<bool> {
    let oldest_ms = cx.env.now().as_millis() - queue.retention_ms();
    let before = oldest_ms * 1000;
    let (store, cursor) = (queue.store, cx.state.cursors.of(queue.store));
    let from = cursor.counting_from();
    if from >= before {
        return Ok(false);
    }
    let snapshot = cx.kv.snapshot().await?;
    let entries = if queue.is_fifo() {
        fifo::standing_before(&snapshot, store, from, before, PAGE)?
    } else {
        standard::read(&snapshot, store, (from, before - 1), PAGE)?
    };
    let added = cx
        .state
        .cursors
        .transact(&cx.kv, |tx| {
            let mut added = Vec::new();
            for entry in &entries {
                if queue.is_fifo() {
                    added.extend(fifo::expire(tx, store, entry, oldest_ms, PAGE / 10)?);
                    continue;
                }
                let Ok(id) = Id::try_from(entry.1.as_slice()) else { continue };
                let state = STATES.get(tx, &(store, id))?.filter(|state| state.at == entry.0);
                let Some(state) = state else { continue };
                standard::take_out(tx, store, &state)?;
                CONTENTS.delete(tx, &id)?;
            }
            Ok::<_, AwsError>(added)
        })
        .await?;
    let now = cx.env.now().as_micros();
    added.iter().for_each(|at| cursor.added(*at, now));
    Ok(entries.len() == PAGE)
}

/// Forgets deduplication ids whose five minutes are over. `from` is where the last look ended.
async fn forget(cx: &Ctx, from: &mut i64) -> Result<bool> {
    let now = cx.env.now().as_micros();
    let span = Span::all().from(&(*from, [0; 16], "", "")).before(&(now, [0; 16], "", ""));
    let rows = FORGETTING.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
    cx.kv
        .transact(|tx| {
            for (key, ()) in &rows {
                let (until, queue, scope, id) = key;
                FORGETTING.delete(tx, key)?;
                let duplicate = (*queue, scope.as_str(), id.as_str());
                if DUPLICATES.get(tx, &duplicate)?.is_some_and(|sent| sent.until <= *until) {
                    DUPLICATES.delete(tx, &duplicate)?;
                }
            }
            Ok::<_, AwsError>(())
        })
        .await?;
    *from = rows.last().map_or(now, |((until, ..), ())| *until);
    Ok(rows.len() == PAGE)
}

/// Takes one step; `false` when there is nothing left to do.
async fn remove_doomed(cx: &Ctx) -> Result<bool> {
    let snapshot = cx.kv.snapshot().await?;
    let doomed = DOOMED.scan(&snapshot, &Span::all(), 1, Direction::Forward)?;
    let Some((store, ())) = doomed.into_iter().next() else { return Ok(false) };
    let states = STATES.scan(&snapshot, &Span::prefix(&(store,)), PAGE, Direction::Forward)?;
    let sequences = SEQUENCES.scan(&snapshot, &Span::prefix(&(store,)), PAGE, Direction::Forward)?;
    let groups = GROUPS.scan(&snapshot, &Span::prefix(&(store,)), PAGE, Direction::Forward)?;
    let last = [states.len(), sequences.len(), groups.len()].iter().all(|rows| *rows < PAGE);
    cx.kv
        .transact(|tx| {
            for (key, _) in &states {
                // Read again: a receive that was under way may have put it elsewhere.
                let Some(state) = STATES.get(tx, key)? else { continue };
                STATES.delete(tx, key)?;
                READY.delete(tx, &(store, state.at, state.id))?;
                CONTENTS.delete(tx, &state.id)?;
            }
            for (key, state) in &sequences {
                SEQUENCES.delete(tx, key)?;
                CONTENTS.delete(tx, &state.id)?;
            }
            for (key, _) in &groups {
                let Some(group) = GROUPS.get(tx, key)? else { continue };
                GROUPS.delete(tx, key)?;
                GROUPS_READY.delete(tx, &(store, group.at, key.1.as_str()))?;
            }
            if last {
                DOOMED.delete(tx, &store)?;
            }
            Ok::<_, AwsError>(())
        })
        .await?;
    if last {
        cx.state.cursors.forget(store);
    }
    Ok(true)
}
