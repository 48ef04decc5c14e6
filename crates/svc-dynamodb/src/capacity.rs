//! Capacity units: what a request consumes, how that is told, and what provisioned tables refuse.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use api_dynamodb::{Capacity, ConsumedCapacity, ReturnConsumedCapacity, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::keys::{Id, RowKey};
use crate::table::{Index, TableRecord};
use crate::value::{self, Item};

/// Bytes that one unit writes and reads.
const WRITE_BYTES: usize = 1024;
const READ_BYTES: usize = 4096;
/// Seconds of unused capacity that a table may save up.
const BURST_S: f64 = 300.0;

/// Units that a request took, of the table and of its indexes by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Units {
    pub table: f64,
    pub locals: BTreeMap<String, f64>,
    pub globals: BTreeMap<String, f64>,
}

fn blocks(bytes: usize, of: usize) -> f64 {
    let count = bytes.div_ceil(of).max(1);
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn write_units(old: Option<&Item>, new: Option<&Item>, doubled: bool) -> f64 {
    let larger = old.map_or(0, value::size).max(new.map_or(0, value::size));
    blocks(larger, WRITE_BYTES) * if doubled { 2.0 } else { 1.0 }
}

/// Units of reading this many bytes.
pub(crate) fn read_units(bytes: usize, consistent: bool) -> f64 {
    blocks(bytes, READ_BYTES) * if consistent { 1.0 } else { 0.5 }
}

impl Units {
    pub(crate) fn of_write(old: Option<&Item>, new: Option<&Item>, doubled: bool) -> Self {
        Self { table: write_units(old, new, doubled), ..Self::default() }
    }

    /// Reading from the table, or from an index of it.
    pub(crate) fn of_read(index: Option<&Index>, units: f64) -> Self {
        let mut all = Self::default();
        match index {
            None => all.table = units,
            Some(index) => *all.of_index(index) = units,
        }
        all
    }

    fn of_index(&mut self, index: &Index) -> &mut f64 {
        let map = if index.global { &mut self.globals } else { &mut self.locals };
        map.entry(index.name.clone()).or_default()
    }

    /// A row that moves is written twice.
    pub(crate) fn count_index_write(
        &mut self,
        index: &Index,
        before: Option<&(RowKey, Item)>,
        after: Option<&(RowKey, Item)>,
        doubled: bool,
    ) {
        if index.expiry {
            return;
        }
        let (old, new) = (before.map(|row| &row.1), after.map(|row| &row.1));
        let units = match (before, after) {
            (Some(from), Some(to)) if from.0 != to.0 => {
                write_units(old, None, doubled) + write_units(None, new, doubled)
            }
            _ => write_units(old, new, doubled),
        };
        *self.of_index(index) += units;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.table += other.table;
        for (name, units) in &other.locals {
            *self.locals.entry(name.clone()).or_default() += units;
        }
        for (name, units) in &other.globals {
            *self.globals.entry(name.clone()).or_default() += units;
        }
    }

    fn total(&self) -> f64 {
        self.table + self.locals.values().sum::<f64>() + self.globals.values().sum::<f64>()
    }
}

/// Whether units are of reading or of writing, where an answer tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Together,
    Reads,
    Writes,
}

/// `ConsumedCapacity`, when it was asked for.
pub(crate) fn consumed(
    wanted: Option<ReturnConsumedCapacity>,
    table: &str,
    units: &Units,
    told: Told,
) -> Option<ConsumedCapacity> {
    let of = |units: f64| Capacity {
        capacity_units: Some(units),
        read_capacity_units: (told == Told::Reads).then_some(units),
        write_capacity_units: (told == Told::Writes).then_some(units),
    };
    let total = of(units.total());
    let mut capacity = ConsumedCapacity {
        table_name: Some(table.to_owned()),
        capacity_units: total.capacity_units,
        read_capacity_units: total.read_capacity_units,
        write_capacity_units: total.write_capacity_units,
        ..ConsumedCapacity::default()
    };
    match wanted {
        None | Some(ReturnConsumedCapacity::None) => return None,
        Some(ReturnConsumedCapacity::Total) => {}
        Some(ReturnConsumedCapacity::Indexes) => {
            let map = |units: &BTreeMap<String, f64>| {
                let map = units.iter().map(|(name, units)| (name.clone(), of(*units)));
                Some(map.collect::<BTreeMap<_, _>>()).filter(|map| !map.is_empty())
            };
            capacity.table = Some(of(units.table));
            capacity.local_secondary_indexes = map(&units.locals);
            capacity.global_secondary_indexes = map(&units.globals);
        }
    }
    Some(capacity)
}

/// What provisioned tables have left, where the setting is that they refuse more.
#[derive(Default)]
pub(crate) struct Throttle {
    enforced: bool,
    left: Mutex<HashMap<(Id, bool), Left>>,
}

struct Left {
    units: f64,
    at: Duration,
}

impl Throttle {
    pub(crate) fn new(enforced: bool) -> Self {
        Self { enforced, ..Self::default() }
    }

    /// # Errors
    /// `ProvisionedThroughputExceededException`, when the table's units are used up.
    pub(crate) fn check_write(&self, cx: &Ctx, table: &TableRecord) -> Result<()> {
        self.check(cx, table, true)
    }

    /// # Errors
    /// As [`Throttle::check_write`].
    pub(crate) fn check_read(&self, cx: &Ctx, table: &TableRecord) -> Result<()> {
        self.check(cx, table, false)
    }

    fn check(&self, cx: &Ctx, table: &TableRecord, write: bool) -> Result<()> {
        if self.draw(cx, table, write, 0.0) {
            return Ok(());
        }
        Err(errors::provisioned_throughput_exceeded_exception(
            "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
        ))
    }

    pub(crate) fn consume_write(&self, cx: &Ctx, table: &TableRecord, units: &Units) {
        self.draw(cx, table, true, units.table);
    }

    pub(crate) fn consume_read(&self, cx: &Ctx, table: &TableRecord, units: &Units) {
        self.draw(cx, table, false, units.table);
    }

    /// Takes `units` and says whether there were any left before.
    fn draw(&self, cx: &Ctx, table: &TableRecord, write: bool, units: f64) -> bool {
        let (true, Some((reads, writes))) = (self.enforced, table.throughput) else { return true };
        let a_second = f64::from(u32::try_from(if write { writes } else { reads }).unwrap_or(u32::MAX));
        let now = cx.env.monotonic();
        let mut all = self.left.lock().expect("no panic while held");
        let left = all.entry((table.id, write)).or_insert(Left { units: a_second, at: now });
        let gained = now.saturating_sub(left.at).as_secs_f64() * a_second;
        left.units = (left.units + gained).min(a_second * BURST_S);
        left.at = now;
        let some = left.units > 0.0;
        left.units -= units;
        some
    }
}
