//! Removes the schedules of deleted groups, and then the groups.

use std::time::Duration;

use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{GROUPS, GroupKey, SCHEDULES};
use crate::schedules;

/// Schedules deleted in one transaction.
const PAGE: usize = 500;

pub(crate) async fn run(cx: Ctx) {
    let mut watch = cx.kv.watch(GROUPS.prefix(&()));
    loop {
        if let Err(error) = sweep(&cx).await {
            tracing::error!(%error, cause = ?error.cause, "sweep schedule groups");
            cx.env.sleep(Duration::from_secs(1)).await;
            continue;
        }
        watch.changed().await;
    }
}

async fn sweep(cx: &Ctx) -> Result<()> {
    let groups = GROUPS.all(&cx.kv.snapshot().await?, &Span::all())?;
    for (key, _) in groups.into_iter().filter(|(_, group)| group.deleting) {
        while !remove(cx, &key).await? {}
    }
    Ok(())
}

/// Removes a page; tells whether the group is gone.
async fn remove(cx: &Ctx, group: &GroupKey) -> Result<bool> {
    let span = Span::prefix(&(group.0.as_str(), group.1.as_str(), group.2.as_str()));
    cx.kv
        .transact(|tx| {
            let page = SCHEDULES.scan(tx, &span, PAGE, Direction::Forward)?;
            page.iter().try_for_each(|(key, schedule)| schedules::delete(tx, key, schedule))?;
            let is_last = page.len() < PAGE;
            if is_last {
                GROUPS.delete(tx, group)?;
            }
            Ok::<_, AwsError>(is_last)
        })
        .await
}
