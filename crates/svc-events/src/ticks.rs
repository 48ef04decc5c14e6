//! Scheduled rules: fired when they are due by the clock, from an index of due times. Between two nothing is looked at.
//!
//! A rule's firing and its next due time are one transaction, so a restart neither loses nor repeats one. What fell
//! due while the platform was down is fired once at its start, however often it was due.

use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Direction, Span, Tx};

use crate::Ctx;
use crate::bus::DEFAULT;
use crate::event::Draft;
use crate::keys::{Id, OUTBOX, RULES, RuleKey, TARGETS, TICKS};
use crate::outbox::{Parcel, Recipient};
use crate::rule;

/// Rules fired in one transaction.
const PAGE: usize = 100;

/// Fires rules until the platform stops.
pub(crate) async fn run(cx: Ctx) {
    service::fire_when_due(cx, "fire scheduled rules", TICKS.prefix(&()), fire_due).await;
}

/// One rule that may be due: its place, and what its event needs.
struct Tick {
    at: i64,
    key: RuleKey,
    row: Id,
    event_id: String,
}

/// Fires what is due; gives when the next is.
async fn fire_due(cx: Ctx, from: i64, now: i64) -> Result<Option<i64>> {
    loop {
        let span = Span::all().from(&(from, "", "", ""));
        let rows = TICKS.scan(&cx.kv.snapshot().await?, &span, PAGE, Direction::Forward)?;
        let next = rows.iter().map(|((at, ..), ())| *at).find(|at| *at > now);
        let due = rows.into_iter().filter(|((at, ..), ())| *at <= now);
        let due = due.map(|((at, account, region, name), ())| Tick {
            at,
            key: (account, region, DEFAULT.to_owned(), name),
            row: cx.env.uuid().into_bytes(),
            event_id: cx.env.uuid().to_string(),
        });
        let due = due.collect::<Vec<_>>();
        if due.is_empty() {
            return Ok(next);
        }
        cx.kv.transact(|tx| due.iter().try_for_each(|tick| fire(tx, tick, now))).await?;
        cx.state.agenda.added(now);
        if next.is_some() {
            return Ok(next);
        }
    }
}

fn fire(tx: &mut Tx, tick: &Tick, now: i64) -> Result<(), AwsError> {
    let (account, region, bus, name) = &tick.key;
    let found = RULES.get(tx, &tick.key)?.filter(|rule| rule.due == Some(tick.at));
    let Some(mut rule) = found else {
        return Ok(TICKS.delete(tx, &(tick.at, account.as_str(), region.as_str(), name.as_str()))?);
    };
    rule.due = rule.next(now.max(tick.at));
    rule::move_tick(tx, &tick.key, Some(tick.at), rule.due)?;
    RULES.put(tx, &tick.key, &rule)?;
    let of_rule = Span::prefix(&(account.as_str(), region.as_str(), bus.as_str(), name.as_str()));
    let targets = TARGETS.all(tx, &of_rule)?.into_iter();
    let recipients = targets.map(|((.., target), _)| Recipient { rule: name.clone(), target });
    let recipients = recipients.collect::<Vec<_>>();
    if recipients.is_empty() {
        return Ok(());
    }
    let draft = Draft {
        id: tick.event_id.clone(),
        detail_type: "Scheduled Event",
        source: "aws.events",
        account,
        at: Timestamp::from_micros(tick.at),
        region,
        resources: &[rule::arn(&tick.key)],
        detail: "{}",
    };
    let parcel = Parcel {
        bus: rule::bus_of(&tick.key),
        event: draft.text().expect("its detail is an object"),
        received_us: now,
        recipients,
        trace: None,
        hops: 0,
        tries: 0,
        dead: None,
    };
    Ok(OUTBOX.put(tx, &(now, tick.row), &parcel)?)
}
