//! Removes the rows of deleted groups, a little at a time.

use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{DOOMED, EVENTS, Id, STREAMS};

/// Rows removed in one transaction.
const PAGE: usize = 1000;

pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(DOOMED.prefix(&()));
    loop {
        match sweep_one(&cx).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, cause = ?error.cause, "sweep a deleted log group"),
        }
        watch.changed().await;
    }
}

/// Takes one step; `false` when there is nothing left to do.
async fn sweep_one(cx: &Ctx) -> Result<bool> {
    let snapshot = cx.kv.snapshot().await?;
    let doomed = DOOMED.scan(&snapshot, &Span::all(), 1, Direction::Forward)?;
    let Some((group, ())) = doomed.into_iter().next() else { return Ok(false) };
    let streams = STREAMS.scan(&snapshot, &Span::prefix(&(group,)), 1, Direction::Forward)?;
    match streams.into_iter().next() {
        Some(((_, name), stream)) => sweep_stream(cx, group, &name, stream.id).await?,
        None => cx.kv.transact(|tx| Ok::<_, aws_wire::AwsError>(DOOMED.delete(tx, &group)?)).await?,
    }
    Ok(true)
}

async fn sweep_stream(cx: &Ctx, group: Id, name: &str, stream: Id) -> Result<()> {
    let snapshot = cx.kv.snapshot().await?;
    let rows = EVENTS.scan(&snapshot, &Span::prefix(&(stream,)), PAGE, Direction::Forward)?;
    let last = rows.len() < PAGE;
    cx.kv
        .transact(|tx| {
            for (key, _) in &rows {
                EVENTS.delete(tx, key)?;
            }
            if last {
                STREAMS.delete(tx, &(group, name))?;
            }
            Ok(())
        })
        .await
}
