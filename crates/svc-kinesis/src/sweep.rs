//! What time removes: records past their retention, shards whose records are, and the rows of deleted streams.

use std::time::Duration;

use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{CHUNKS, CONSUMERS, DOOMED, Id, RECORDS, SHARDS, STREAMS, StreamKey};
use crate::shard::{self, Shard};
use crate::stream::Stream;

/// How often old records are looked for.
const TRIM_EVERY: Duration = Duration::from_secs(60);
/// Rows handled at once; a record's has 1.4 MB at most.
const PAGE: usize = 50;

pub(crate) async fn trim(cx: Ctx) {
    loop {
        if let Err(error) = trim_all(&cx).await {
            tracing::error!(%error, cause = ?error.cause, "trim streams");
        }
        cx.env.sleep(TRIM_EVERY).await;
    }
}

async fn trim_all(cx: &Ctx) -> Result<()> {
    let mut span = Span::all();
    loop {
        let streams = STREAMS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        for (key, stream) in &streams {
            for (number, shard) in shard::all(&cx.kv.snapshot().await?, stream.id)? {
                trim_shard(cx, key, stream, number, &shard).await?;
            }
        }
        match streams.last() {
            Some((last, _)) if streams.len() == PAGE => span = Span::all().after(last),
            _ => return Ok(()),
        }
    }
}

async fn trim_shard(cx: &Ctx, key: &StreamKey, stream: &Stream, number: u32, shard: &Shard) -> Result<()> {
    let oldest_ms = stream.oldest_ms(cx.env.now());
    let lane = cx.state.lanes.of(stream.id);
    let below = u64::try_from(oldest_ms.saturating_mul(1000)).unwrap_or(0);
    loop {
        let from = lane.trimmed(number);
        let span = Span::prefix(&(stream.id, number)).from(&(stream.id, number, from));
        let rows = RECORDS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let old = rows.iter().take_while(|(_, record)| record.at_ms < oldest_ms).map(|(key, _)| *key);
        let old = old.collect::<Vec<_>>();
        let Some((.., last)) = old.last() else { break };
        cx.kv.transact(|tx| old.iter().try_for_each(|key| RECORDS.delete(tx, key))).await?;
        lane.trim(number, last + 1);
        if old.len() < PAGE {
            break;
        }
    }
    // Numbers tell the time, so these are pieces of records that are gone, or were never written.
    let span = Span::prefix(&(stream.id, number)).before(&(stream.id, number, below, 0));
    clear(
        cx,
        |snapshot| CHUNKS.scan(snapshot, &span, PAGE, Direction::Forward),
        |tx, key| CHUNKS.delete(tx, key),
    )
    .await?;
    if !shard.is_kept(oldest_ms) {
        let row = (stream.id, number);
        cx.kv
            .transact(|tx| match STREAMS.get(tx, key)? {
                Some(present) if present.id == stream.id => Ok::<_, AwsError>(SHARDS.delete(tx, &row)?),
                _ => Ok(()),
            })
            .await?;
        lane.forget(number);
    }
    Ok(())
}

/// Removes what deleted streams had. Waits for the next deletion when there is nothing to do.
pub(crate) async fn clear_deleted(cx: Ctx) {
    let mut doomed = cx.kv.watch(DOOMED.prefix(&()));
    loop {
        if let Err(error) = clear_all(&cx).await {
            tracing::error!(%error, cause = ?error.cause, "clear deleted streams");
            cx.env.sleep(TRIM_EVERY).await;
            continue;
        }
        doomed.changed().await;
    }
}

async fn clear_all(cx: &Ctx) -> Result<()> {
    loop {
        let streams = DOOMED.scan(&cx.kv.snapshot().await?, &Span::all(), PAGE, Direction::Forward)?;
        for (stream, ()) in &streams {
            clear_stream(cx, *stream).await?;
        }
        if streams.is_empty() {
            return Ok(());
        }
    }
}

async fn clear_stream(cx: &Ctx, id: Id) -> Result<()> {
    // Whoever was writing when the stream was deleted is done before its rows are looked for.
    drop(cx.state.lanes.of(id).gate.write().await);
    let of_stream = Span::prefix(&(id,));
    clear(
        cx,
        |snapshot| RECORDS.scan(snapshot, &of_stream, PAGE, Direction::Forward),
        |tx, key| RECORDS.delete(tx, key),
    )
    .await?;
    let of_stream = Span::prefix(&(id,));
    clear(
        cx,
        |snapshot| CHUNKS.scan(snapshot, &of_stream, PAGE, Direction::Forward),
        |tx, key| CHUNKS.delete(tx, key),
    )
    .await?;
    let of_stream = Span::prefix(&(id,));
    clear(
        cx,
        |snapshot| SHARDS.scan(snapshot, &of_stream, PAGE, Direction::Forward),
        |tx, key| SHARDS.delete(tx, key),
    )
    .await?;
    let of_stream = Span::prefix(&(id,));
    clear(
        cx,
        |snapshot| CONSUMERS.scan(snapshot, &of_stream, PAGE, Direction::Forward),
        |tx, key| CONSUMERS.delete(tx, key),
    )
    .await?;
    cx.kv.transact(|tx| DOOMED.delete(tx, &id)).await?;
    cx.state.lanes.forget(id);
    cx.state.throttle.forget(id);
    Ok(())
}

/// Deletes page after page of what `scan` finds.
async fn clear<K, V>(
    cx: &Ctx,
    scan: impl Fn(&kv::Snapshot) -> kv::Result<Vec<(K, V)>>,
    delete: impl Fn(&mut kv::Tx, &K) -> kv::Result<()>,
) -> Result<()> {
    loop {
        let rows = scan(&cx.kv.snapshot().await?)?;
        if rows.is_empty() {
            return Ok(());
        }
        cx.kv.transact(|tx| rows.iter().try_for_each(|(key, _)| delete(tx, key))).await?;
    }
}
