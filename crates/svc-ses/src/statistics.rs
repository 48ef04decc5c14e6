//! How many were sent, bounced, complained about and rejected, in quarters of an hour.

use std::collections::BTreeMap;

use aws_wire::Result;
use kv::{Kv, Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::keys::STATISTICS;

/// A data point's length, in microseconds.
const QUARTER: i64 = 15 * 60 * 1_000_000;
/// How AWS says that there is no bound.
pub(crate) const UNLIMITED: f64 = -1.0;
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// How long data points are kept: AWS's two weeks.
const KEPT: i64 = 14 * DAY;
/// Rows that one transaction of [`sweep`] takes away.
const ROWS_AT_ONCE: usize = 500;
/// Rows that count one quarter of an hour, so that senders at one time do not all change the same.
pub(crate) const PARTS: u8 = 16;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub attempts: u64,
    pub bounces: u64,
    pub complaints: u64,
    pub rejects: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.bounces += other.bounces;
        self.complaints += other.complaints;
        self.rejects += other.rejects;
    }
}

/// Counts what one mail came to.
///
/// # Errors
/// The store's.
pub(crate) fn count(
    tx: &mut Tx,
    (account, region): &(String, String),
    now: i64,
    part: u8,
    counts: &Counts,
) -> Result<()> {
    let key = (account, region, now - now.rem_euclid(QUARTER), part % PARTS);
    let mut sum = STATISTICS.get(tx, &key)?.unwrap_or_default();
    sum.add(counts);
    Ok(STATISTICS.put(tx, &key, &sum)?)
}

/// The data points of the last two weeks, by their start in microseconds.
///
/// # Errors
/// The store's.
pub(crate) fn points(
    reader: &impl Read,
    (account, region): &(String, String),
    now: i64,
) -> Result<BTreeMap<i64, Counts>> {
    since(reader, (account, region), now - KEPT)
}

/// How many recipients were sent to in the last day, to a quarter of an hour.
///
/// # Errors
/// The store's.
pub(crate) fn of_a_day(reader: &impl Read, (account, region): &(String, String), now: i64) -> Result<f64> {
    let points = since(reader, (account, region), now - DAY)?;
    let sum = points.values().map(|counts| counts.attempts).sum::<u64>();
    // The wire has a double there; a day's mails fit into 32 bits.
    Ok(f64::from(u32::try_from(sum).unwrap_or(u32::MAX)))
}

fn since(
    reader: &impl Read,
    (account, region): (&String, &String),
    start: i64,
) -> Result<BTreeMap<i64, Counts>> {
    let span = Span::prefix(&(account, region)).from(&(account, region, start, 0));
    let mut points = BTreeMap::<i64, Counts>::new();
    for ((_, _, start, _), counts) in STATISTICS.all(reader, &span)? {
        points.entry(start).or_default().add(&counts);
    }
    Ok(points)
}

/// Forgets data points that nobody is shown any more.
///
/// # Errors
/// The store's.
pub(crate) async fn sweep(kv: &Kv, now: i64) -> Result<()> {
    let rows = STATISTICS.all(&kv.snapshot().await?, &Span::all())?;
    let old =
        rows.into_iter().map(|(key, _)| key).filter(|key| key.2 < now - KEPT - QUARTER).collect::<Vec<_>>();
    for chunk in old.chunks(ROWS_AT_ONCE) {
        kv.transact(|tx| chunk.iter().try_for_each(|key| STATISTICS.delete(tx, key))).await?;
    }
    Ok(())
}
