//! Removes packages that no function and no layer uses any more.

use std::collections::HashSet;

use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::function::Settings;
use crate::keys::{FUNCTIONS, LAYER_VERSIONS, VERSIONS};
use crate::package::UNUSED_KEPT;

/// Functions read at once.
const PAGE: usize = 1000;

pub(crate) async fn run(cx: Ctx) {
    let mut unused = HashSet::new();
    loop {
        match collect(&cx, &mut unused).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "removed packages that no function uses"),
            Err(error) => tracing::error!(%error, cause = ?error.cause, "collect unused packages"),
        }
        cx.env.sleep(UNUSED_KEPT).await;
    }
}

async fn collect(cx: &Ctx, unused: &mut HashSet<String>) -> Result<usize> {
    let snapshot = cx.kv.snapshot().await?;
    let (mut used, mut span) = (HashSet::new(), Span::all());
    loop {
        let page = FUNCTIONS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { break };
        span = Span::all().after(last);
        for (_, function) in page {
            used.extend(function.live.into_iter().flat_map(packages));
            used.extend(packages(function.wanted));
        }
    }
    let mut span = Span::all();
    loop {
        let page = VERSIONS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { break };
        span = Span::all().after(last);
        used.extend(page.into_iter().flat_map(|(_, published)| packages(published.settings)));
    }
    let mut span = Span::all();
    loop {
        let page = LAYER_VERSIONS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { break };
        span = Span::all().after(last);
        used.extend(page.into_iter().map(|(_, version)| version.code.sha256));
    }
    cx.state.packages.collect(|sha256| used.contains(sha256), unused).await
}

/// The packages that settings name: the function's own and its layers', and all of its image.
fn packages(settings: Settings) -> impl Iterator<Item = String> {
    let layers = settings.layers.into_iter().map(|layer| layer.code.sha256);
    let image = settings.image.into_iter().flat_map(|image| image.blobs().cloned().collect::<Vec<_>>());
    std::iter::once(settings.code.sha256).chain(layers).chain(image)
}
