//! Removes what is kept no longer: archives' events beyond their retention and those of deleted archives, and replays
//! that ended ninety days ago.

use std::time::Duration;

use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{ARCHIVED, ARCHIVES, DOOMED, Id, REPLAYS};

const EVERY: Duration = Duration::from_secs(3600);
/// Events removed in one transaction.
const PAGE: usize = 500;
const DAY_US: i64 = 86_400 * 1_000_000;
const REPLAYS_MS: i64 = 90 * 86_400 * 1000;

pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(DOOMED.prefix(&()));
    loop {
        if let Err(error) = sweep(&cx).await {
            tracing::error!(%error, cause = ?error.cause, "sweep archives");
        }
        tokio::select! {
            () = watch.changed() => {}
            () = cx.env.sleep(EVERY) => {}
        }
    }
}

async fn sweep(cx: &Ctx) -> Result<()> {
    let snapshot = cx.kv.snapshot().await?;
    for (id, ()) in DOOMED.all(&snapshot, &Span::all())? {
        remove(cx, id, i64::MAX).await?;
        cx.kv.transact(|tx| Ok::<_, AwsError>(DOOMED.delete(tx, &id)?)).await?;
    }
    let now = cx.env.now().as_micros();
    for (_, archive) in ARCHIVES.all(&snapshot, &Span::all())? {
        if archive.retention_days > 0 {
            remove(cx, archive.id, now - i64::from(archive.retention_days) * DAY_US).await?;
        }
    }
    let long_ago = cx.env.now().as_millis() - REPLAYS_MS;
    for (key, replay) in REPLAYS.all(&snapshot, &Span::all())? {
        if replay.ended_ms.is_some_and(|ended| ended < long_ago) {
            cx.kv.transact(|tx| Ok::<_, AwsError>(REPLAYS.delete(tx, &key)?)).await?;
        }
    }
    Ok(())
}

/// Removes an archive's events from before a moment.
async fn remove(cx: &Ctx, archive: Id, before: i64) -> Result<()> {
    let span = Span::prefix(&(archive,)).before(&(archive, before, [0; 16]));
    loop {
        let rows = ARCHIVED.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        cx.kv
            .transact(|tx| rows.iter().try_for_each(|(key, _)| ARCHIVED.delete(tx, key)))
            .await
            .map_err(AwsError::from)?;
        if rows.len() < PAGE {
            return Ok(());
        }
    }
}
