//! Removes packages that no function uses any more.

use std::collections::HashSet;

use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{FUNCTIONS, VERSIONS};
use crate::package::UNUSED_KEPT;

/// Functions read at once.
const PAGE: usize = 1000;

pub(crate) async fn run(cx: Ctx) {
    loop {
        match collect(&cx).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed packages that no function uses"),
            Err(error) => tracing::error!(%error, cause = ?error.cause, "collect unused packages"),
        }
        cx.env.sleep(UNUSED_KEPT).await;
    }
}

async fn collect(cx: &Ctx) -> Result<usize> {
    let snapshot = cx.kv.snapshot().await?;
    let (mut used, mut span) = (HashSet::new(), Span::all());
    loop {
        let page = FUNCTIONS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { break };
        span = Span::all().after(last);
        for (_, function) in page {
            used.extend(function.live.map(|live| live.code.sha256));
            used.insert(function.wanted.code.sha256);
        }
    }
    let mut span = Span::all();
    loop {
        let page = VERSIONS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { break };
        span = Span::all().after(last);
        used.extend(page.into_iter().map(|(_, published)| published.settings.code.sha256));
    }
    cx.state.packages.collect(|sha256| used.contains(sha256)).await
}
