//! Schedules fired when they are due by the clock, from an index of due times. Between two nothing is looked at.
//!
//! A firing and the next due time are one transaction, so a restart neither loses nor repeats one. What fell due while
//! the platform was down is fired once at its start, however often it was due.

use aws_wire::{AwsError, Result};
use kv::{Direction, Span, Tx};
use tokio::task::JoinSet;

use crate::Ctx;
use crate::keys::{Id, OUTBOX, SCHEDULES, ScheduleKey, TICKS};
use crate::outbox::Parcel;
use crate::schedules;

/// Schedules fired at once, each in a transaction of its own: one may have 256 KB of input.
const PAGE: usize = 64;

/// Fires schedules until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    service::fire_when_due(cx, "fire schedules", TICKS.prefix(&()), fire_due).await;
}

/// One schedule that may be due: when and for when, and what is drawn for it.
struct Tick {
    due: i64,
    at: i64,
    key: ScheduleKey,
    row: Id,
    execution: String,
    random: u32,
}

/// Fires what is due; gives when the next is.
async fn fire_due(cx: Ctx, from: i64, now: i64) -> Result<Option<i64>> {
    loop {
        let span = Span::all().from(&(from, "", "", "", ""));
        let rows = TICKS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let next = rows.iter().map(|((due, ..), _)| *due).find(|due| *due > now);
        let due = rows.into_iter().filter(|((due, ..), _)| *due <= now);
        let due = due.map(|((due, account, region, group, name), at)| Tick {
            due,
            at,
            key: (account, region, group, name),
            row: cx.env.uuid().into_bytes(),
            execution: cx.env.uuid().to_string(),
            random: schedules::draw(&cx),
        });
        let due = due.collect::<Vec<_>>();
        if due.is_empty() {
            return Ok(next);
        }
        let mut tasks = JoinSet::new();
        for tick in due {
            let kv = cx.kv.clone();
            tasks.spawn(async move { kv.transact(|tx| fire(tx, &tick, now)).await });
        }
        while let Some(fired) = tasks.join_next().await {
            fired.map_err(AwsError::internal)??;
        }
        cx.state.agenda.added(now);
        if next.is_some() {
            return Ok(next);
        }
    }
}

fn fire(tx: &mut Tx, tick: &Tick, now: i64) -> Result<(), AwsError> {
    let found = SCHEDULES.get(tx, &tick.key)?.filter(|schedule| schedule.due == Some((tick.due, tick.at)));
    let Some(mut schedule) = found else {
        let (account, region, group, name) = tick.key.clone();
        return Ok(TICKS.delete(tx, &(tick.due, account, region, group, name))?);
    };
    let before = schedule.due;
    let parcel = Parcel {
        schedule: tick.key.clone(),
        target: schedule.target.clone(),
        at: tick.at,
        execution: tick.execution.clone(),
        fired_us: now,
        tries: 0,
        dead: None,
    };
    OUTBOX.put(tx, &(now, tick.row), &parcel)?;
    schedule.due = schedule.following(tick.at, now, tick.random);
    if schedule.due.is_none() && schedule.deleted_after {
        schedule.due = before;
        return schedules::delete(tx, &tick.key, &schedule);
    }
    schedules::put(tx, &tick.key, &schedule, before)
}
