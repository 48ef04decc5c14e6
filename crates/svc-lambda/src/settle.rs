//! Makes functions live: what was asked for becomes what runs, outside the request that asked.

use kv::{Direction, Span};
use tokio::task::JoinSet;

use crate::Ctx;
use crate::keys::{FUNCTIONS, FunctionKey};
use crate::name::LATEST;
use crate::published;
use crate::snap_start;
use crate::versions;

/// Functions read at once when the platform starts.
const PAGE: usize = 1000;
/// Functions that are made live at once.
const AT_ONCE_MAX: usize = 8;

/// Settles what a crash left unsettled, then whatever comes.
pub(crate) async fn run(cx: Ctx) {
    if let Err(error) = settle_leftovers(&cx).await {
        tracing::error!(%error, "settle functions left by the last run");
    }
    let mut settling = cx.state.settling.lock().await;
    // A large image takes its time; nobody else has to wait for it.
    let mut tasks = JoinSet::new();
    while let Some(key) = settling.recv().await {
        while tasks.len() >= AT_ONCE_MAX {
            tasks.join_next().await;
        }
        while tasks.try_join_next().is_some() {}
        let cx = cx.clone();
        tasks.spawn(async move { settle(&cx, key).await });
    }
}

async fn settle_leftovers(cx: &Ctx) -> Result<(), kv::Error> {
    let mut span = Span::all();
    loop {
        let page = FUNCTIONS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        span = Span::all().after(last);
        for (key, _) in page.into_iter().filter(|(_, function)| function.is_settling()) {
            settle(cx, key).await;
        }
    }
}

async fn settle(cx: &Ctx, key: FunctionKey) {
    let settled = try_settle(cx, &key).await;
    if let Err(error) = settled {
        tracing::error!(%error, function = key.2, "make a function live");
    }
}

async fn try_settle(cx: &Ctx, key: &FunctionKey) -> Result<(), kv::Error> {
    let Some(function) = FUNCTIONS.get(&cx.kv.snapshot().await?, key)? else { return Ok(()) };
    if !function.is_settling() {
        return Ok(());
    }
    let prepared = cx.state.packages.trees(&function.wanted).await;
    if let Err(error) = &prepared {
        tracing::error!(%error, cause = ?error.cause, function = key.2, "prepare a package");
    }
    let revision_id = cx.env.uuid().to_string();
    let _changing = cx.state.versions.changing(key);
    let settled = cx
        .kv
        .transact(|tx| {
            // Only what was prepared may go live: a change in the meantime asks to be settled itself. Tags are no
            // such change.
            let stored = FUNCTIONS.get(tx, key)?.filter(|stored| stored.revision_id == function.revision_id);
            let Some(mut stored) = stored else { return Ok(None) };
            stored.settle(prepared.is_ok(), revision_id.clone());
            for number in std::mem::take(&mut stored.settling_versions) {
                // Those that want a snapshot go on settling until it is taken.
                if prepared.is_ok() && published::wants_snapshot(tx, key, number)? {
                    stored.settling_versions.push(number);
                } else {
                    published::settle(tx, key, number, prepared.is_ok())?;
                }
            }
            FUNCTIONS.put(tx, key, &stored)?;
            Ok::<_, kv::Error>(Some(stored))
        })
        .await?;
    let Some(function) = settled else { return Ok(()) };
    cx.state.provisioned.insert(key.clone());
    cx.state.pools.retire(&function.arn, Some(LATEST), Some(&function.revision_id));
    for number in &function.settling_versions {
        // Running a function's INIT takes long; others are not to wait for it.
        tokio::spawn(snap_start::take(cx.clone(), key.clone(), *number));
    }
    // Its first call is not to wait for what all functions of its language have in common.
    if let Some(version) = versions::of_latest(cx, &function).await {
        cx.state.pools.foresee(&version);
    }
    Ok(())
}
