//! Removes blobs that are part of nothing any more: those that lost their last reference, and those that a crash left
//! between being stored and becoming somebody's.

use std::time::Duration;

use aws_wire::{AwsError, Result};
use blob::Digest;
use kv::{Direction, Read, Span};

use crate::Ctx;
use crate::keys::{DOOMED, REFERENCES};

const PAGE: usize = 1000;
/// After a failure, so that a full disk's log is not full too.
const PAUSE: Duration = Duration::from_secs(10);

pub(crate) async fn run(cx: Ctx) {
    while let Err(error) = find_orphans(&cx).await {
        tracing::error!(%error, cause = ?error.cause, "look for blobs that a crash left");
        cx.env.sleep(PAUSE).await;
    }
    let (mut watch, mut releases) = (cx.kv.watch(DOOMED.prefix(&())), cx.state.holds.releases());
    loop {
        match sweep(&cx).await {
            Ok(()) => tokio::select! {
                biased;
                () = watch.changed() => {}
                () = releases.changed() => {}
            },
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "remove blobs of deleted objects");
                cx.env.sleep(PAUSE).await;
            }
        }
    }
}

/// Dooms every blob that nobody refers to; whoever holds one keeps it even so.
pub(crate) async fn find_orphans(cx: &Ctx) -> Result<()> {
    let mut after = None;
    loop {
        let page = cx.state.blobs.list(after).await.map_err(AwsError::internal)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.blob.digest);
        let snapshot = cx.kv.snapshot().await?;
        let mut orphans = Vec::new();
        for stored in &page {
            let digest = *stored.blob.digest.as_bytes();
            if is_free(&snapshot, digest)? {
                orphans.push(digest);
            }
        }
        let doom = |tx: &mut kv::Tx| {
            orphans.iter().try_for_each(|digest| DOOMED.put(tx, digest, &()))?;
            Ok::<_, AwsError>(())
        };
        cx.kv.transact(doom).await?;
    }
}

/// Looks at every doomed blob once, and at those that became nobody's.
pub(crate) async fn sweep(cx: &Ctx) -> Result<()> {
    let left = cx.state.holds.take_left();
    for (at, digest) in left.iter().enumerate() {
        remove(cx, *digest.as_bytes()).await.inspect_err(|_| cx.state.holds.put_back(&left[at..]))?;
    }
    let mut span = Span::all();
    loop {
        let snapshot = cx.kv.snapshot().await?;
        let page = DOOMED.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        drop(snapshot);
        let Some((last, ())) = page.last() else { return Ok(()) };
        span = span.after(last);
        for (digest, ()) in &page {
            remove(cx, *digest).await?;
        }
    }
}

/// Removes one blob, unless it is somebody's. One that is held stays doomed until it is held no more.
async fn remove(cx: &Ctx, digest: [u8; 32]) -> Result<()> {
    let name = Digest::from_bytes(digest);
    let Some(_removal) = cx.state.holds.begin_removal(name).await else { return Ok(()) };
    // Read under the removal's lock: what becomes somebody's after this was held before it, and is not.
    let was_free = is_free(&cx.kv.snapshot().await?, digest)?;
    if was_free {
        cx.state.blobs.delete(name).await.map_err(AwsError::internal)?;
    }
    cx.kv
        .transact(|tx| {
            // One that loses its last reference meanwhile stays doomed.
            let is_settled = was_free || !is_free(tx, digest)?;
            if is_settled && DOOMED.get(tx, &digest)?.is_some() {
                DOOMED.delete(tx, &digest)?;
            }
            Ok(())
        })
        .await
}

fn is_free(reader: &impl Read, digest: [u8; 32]) -> Result<bool> {
    Ok(REFERENCES.scan(reader, &Span::prefix(&(digest,)), 1, Direction::Forward)?.is_empty())
}
