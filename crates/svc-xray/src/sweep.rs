//! Removes traces that are older than X-Ray keeps them.

use std::time::Duration;

use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::document::time_of;
use crate::keys::{SEGMENTS, SegmentKey};

/// How long a trace is kept.
const KEPT_S: i64 = 30 * 24 * 60 * 60;
/// How often old ones are looked for.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// Rows looked at in one step.
const PAGE: usize = 1000;

pub(crate) async fn run(cx: Ctx) {
    loop {
        if let Err(error) = sweep(&cx).await {
            tracing::error!(%error, cause = ?error.cause, "sweep old traces");
        }
        cx.env.sleep(EVERY).await;
    }
}

/// Goes through the regions; each one's traces are in order of time, so the first young one ends its part.
async fn sweep(cx: &Ctx) -> Result<()> {
    let oldest = cx.env.now().as_secs() - KEPT_S;
    let mut span = Span::all();
    loop {
        let page = SEGMENTS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let Some((first, _)) = page.first() else { return Ok(()) };
        let (account, region) = (first.0.clone(), first.1.clone());
        let in_region = |key: &SegmentKey| key.0 == account && key.1 == region;
        let is_old = |key: &SegmentKey| time_of(&key.2).is_none_or(|time| time < oldest);
        let old = page.iter().map(|(key, _)| key).take_while(|key| in_region(key) && is_old(key));
        let old = old.cloned().collect::<Vec<_>>();
        span = match old.last() {
            Some(last) => Span::all().after(last),
            None => Span::all().after_prefix(&(&*account, &*region)),
        };
        cx.kv.transact(|tx| old.iter().try_for_each(|key| SEGMENTS.delete(tx, key))).await?;
    }
}
