//! Unpacks what functions run, where that is not there any more: after a crash, so that no call has to wait for it.

use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::function::Settings;
use crate::keys::{FUNCTIONS, VERSIONS};

/// Functions read at once.
const PAGE: usize = 1000;

/// Once, one package after the other: whoever calls meanwhile unpacks what it needs itself.
pub(crate) async fn run(cx: Ctx) {
    if let Err(error) = unpack(&cx).await {
        tracing::error!(%error, cause = ?error.cause, "unpack packages anew");
    }
}

async fn unpack(cx: &Ctx) -> Result<()> {
    let snapshot = cx.kv.snapshot().await?;
    let mut span = Span::all();
    loop {
        let page = FUNCTIONS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { break };
        span = Span::all().after(last);
        for (key, function) in page {
            if let Some(settings) = function.live {
                one(cx, &key.2, &settings).await;
            }
        }
    }
    let mut span = Span::all();
    loop {
        let page = VERSIONS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        span = Span::all().after(last);
        for (key, published) in page {
            one(cx, &key.2, &published.settings).await;
        }
    }
}

async fn one(cx: &Ctx, function: &str, settings: &Settings) {
    // What can't be unpacked now, its call will tell of.
    if let Err(error) = cx.state.packages.trees(settings).await {
        tracing::warn!(%error, cause = ?error.cause, function, "unpack a package anew");
    }
}
