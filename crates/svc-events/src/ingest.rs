//! Taking events in: each is stored with the targets whose rules it matches, before anybody hears that it was taken.

use aws_wire::{AwsError, Result};
use kv::{Snapshot, Tx};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::Ctx;
use crate::keys::{ARCHIVED, BusKey, EDITIONS, Id, OUTBOX};
use crate::outbox::{Parcel, Recipient};
use crate::rule;
use crate::rules::Entry;

/// How often events are matched anew because a rule changed meanwhile.
const TRIES_MAX: u32 = 32;

/// An event that has come to a bus.
#[derive(Clone)]
pub(crate) struct Arrival {
    pub bus: BusKey,
    pub event: Box<RawValue>,
    pub trace: Option<String>,
    /// How many buses it has passed.
    pub hops: u8,
    /// Of a replay: the ARNs of the rules that it is for, none for all. Archives do not take it again.
    pub replay: Option<Vec<String>>,
}

/// What is to be stored, as long as the rules are those that it was made by.
struct Plan {
    editions: Vec<(BusKey, u64)>,
    rows: Vec<((i64, Id), Parcel)>,
    archived: Vec<((Id, i64, Id), Box<RawValue>)>,
}

/// Stores events, all or none.
///
/// # Errors
/// Those of the store.
pub(crate) async fn ingest(cx: &Ctx, arrivals: &[Arrival]) -> Result<()> {
    ingest_with(cx, arrivals, |_| Ok(())).await
}

/// Stores events, all or none, and what `also` writes with them.
///
/// # Errors
/// Those of the store and of `also`.
pub(crate) async fn ingest_with(
    cx: &Ctx,
    arrivals: &[Arrival],
    also: impl Fn(&mut Tx) -> Result<()>,
) -> Result<()> {
    for _ in 0..TRIES_MAX {
        let plan = plan(cx, &cx.kv.snapshot().await?, arrivals)?;
        let written = cx.kv.transact(|tx| Ok::<_, AwsError>(plan.write(tx)? && also(tx).map(|()| true)?));
        if written.await? {
            if let Some(((at, _), _)) = plan.rows.first() {
                cx.state.agenda.added(*at);
            }
            return Ok(());
        }
    }
    Err(kv::Error::Contention { attempts: TRIES_MAX }.into())
}

fn plan(cx: &Ctx, reader: &Snapshot, arrivals: &[Arrival]) -> Result<Plan> {
    let now = cx.env.now().as_micros();
    let mut plan = Plan { editions: Vec::new(), rows: Vec::new(), archived: Vec::new() };
    for arrival in arrivals {
        let book = cx.state.rules.read(reader, &arrival.bus)?;
        if !plan.editions.iter().any(|(bus, _)| *bus == arrival.bus) {
            plan.editions.push((arrival.bus.clone(), book.edition));
        }
        if book.index.is_empty() && book.archives.is_empty() {
            continue;
        }
        let event = serde_json::from_str::<Json>(arrival.event.get()).map_err(AwsError::internal)?;
        if arrival.replay.is_none() {
            for archive in book.archives.matching(&event) {
                let key = (*archive, now, cx.env.uuid().into_bytes());
                plan.archived.push((key, arrival.event.clone()));
            }
        }
        let only = arrival.replay.as_ref().filter(|only| !only.is_empty());
        let wanted = |entry: &&Entry| {
            only.is_none_or(|only| only.contains(&rule::arn(&rule::key(&arrival.bus, &entry.rule))))
        };
        let entries = book.index.matching(&event).into_iter().filter(wanted);
        let recipients = entries.flat_map(|entry| {
            let targets = entry.targets.iter();
            targets.map(|target| Recipient { rule: entry.rule.clone(), target: target.clone() })
        });
        let recipients = recipients.collect::<Vec<_>>();
        if recipients.is_empty() {
            continue;
        }
        let parcel = Parcel {
            bus: arrival.bus.clone(),
            event: arrival.event.clone(),
            received_us: now,
            recipients,
            trace: arrival.trace.clone(),
            hops: arrival.hops,
            tries: 0,
            dead: None,
        };
        plan.rows.push(((now, cx.env.uuid().into_bytes()), parcel));
    }
    Ok(plan)
}

impl Plan {
    /// Whether it was written: not when a rule has changed since.
    fn write(&self, tx: &mut Tx) -> Result<bool> {
        if self.rows.is_empty() && self.archived.is_empty() {
            return Ok(true);
        }
        for (bus, edition) in &self.editions {
            if EDITIONS.get(tx, bus)?.unwrap_or(0) != *edition {
                return Ok(false);
            }
        }
        for (key, parcel) in &self.rows {
            OUTBOX.put(tx, key, parcel)?;
        }
        for (key, event) in &self.archived {
            ARCHIVED.put(tx, key, event)?;
        }
        Ok(true)
    }
}
