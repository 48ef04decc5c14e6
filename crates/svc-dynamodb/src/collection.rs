//! Item collections: the items of one partition key of a table with local indexes, and what these hold of them.
//!
//! Nobody counts their bytes as they are written; a collection is measured when a write asks how large it became. A
//! large one is measured anew only once in a while: AWS too says that its sizes are estimates.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use api_dynamodb::{ItemCollectionMetrics, ReturnItemCollectionMetrics};
use aws_wire::Result;
use kv::{Direction, Read, Span, Table};

use crate::Ctx;
use crate::keys::{INDEXED, ITEMS, Id, RowKey, partition};
use crate::table::{Index, TableRecord};
use crate::value::{self, Item};

/// Rows read at once.
const PAGE: usize = 500;
/// A collection with more rows is remembered.
const ROWS_MAX: usize = 1000;
const REMEMBERED_FOR: Duration = Duration::from_secs(600);
/// When more are remembered, all are forgotten.
const REMEMBERED_MAX: usize = 10_000;
const GIB: u64 = 1 << 30;

/// A table's id and its partition's digest: bytes, and when they were counted by the monotonic clock.
type Sizes = HashMap<(Id, [u8; 16]), (u64, Duration)>;

/// Sizes of large collections.
#[derive(Default)]
pub(crate) struct Measured(Mutex<Sizes>);

/// What is asked of a write's collections.
pub(crate) struct Asked(bool);

impl Asked {
    pub(crate) fn of(wanted: Option<ReturnItemCollectionMetrics>) -> Self {
        Self(wanted == Some(ReturnItemCollectionMetrics::Size))
    }

    /// What is kept of a write's item, or its key, to tell of its collection afterwards.
    pub(crate) fn keep(&self, item: &Item) -> Option<Item> {
        self.0.then(|| item.clone())
    }
}

/// How large the collection of `kept` is; `None` where it was not asked for, or the table has no collections.
///
/// # Errors
/// Those of the store.
pub(crate) async fn metrics(
    cx: &Ctx,
    table: &TableRecord,
    kept: Option<&Item>,
) -> Result<Option<ItemCollectionMetrics>> {
    let local = table.visible().filter(|index| !index.global).collect::<Vec<_>>();
    let name = &table.schema.hash.name;
    let Some(key) = kept.and_then(|kept| kept.get(name)).filter(|_| !local.is_empty()) else {
        return Ok(None);
    };
    let digest = partition(key);
    let now = cx.env.monotonic();
    let known = || cx.state.measured.0.lock().expect("nothing panics while it is held");
    let remembered = known().get(&(table.id, digest)).copied();
    let bytes = match remembered.filter(|(_, at)| now.saturating_sub(*at) < REMEMBERED_FOR) {
        Some((bytes, _)) => bytes,
        None => {
            let (bytes, rows) = measure(&cx.kv.snapshot().await?, table.id, &digest, &local)?;
            let mut known = known();
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
            if rows > ROWS_MAX {
                known.insert((table.id, digest), (bytes, now));
            } else {
                known.remove(&(table.id, digest));
            }
            bytes
        }
    };
    let key = Item::from_iter([(name.clone(), key.clone())]);
    Ok(Some(ItemCollectionMetrics {
        item_collection_key: Some(value::to_wire(key)),
        size_estimate_range_gb: Some(range(bytes).to_vec()),
    }))
}

/// The metrics of a batch's or a transaction's collections by table, each collection once; `None` without any.
///
/// # Errors
/// Those of the store.
pub(crate) async fn metrics_of_all<'a>(
    cx: &Ctx,
    writes: impl Iterator<Item = (&'a str, &'a TableRecord, &'a Item)>,
) -> Result<Option<BTreeMap<String, Vec<ItemCollectionMetrics>>>> {
    let mut all = BTreeMap::<String, Vec<ItemCollectionMetrics>>::new();
    for (name, table, kept) in writes {
        let hash = &table.schema.hash.name;
        let key = kept.get(hash).map(|key| value::to_wire(Item::from_iter([(hash.clone(), key.clone())])));
        let known = all.get(name).is_some_and(|known| known.iter().any(|one| one.item_collection_key == key));
        if !known && let Some(metrics) = metrics(cx, table, Some(kept)).await? {
            all.entry(name.to_owned()).or_default().push(metrics);
        }
    }
    Ok((!all.is_empty()).then_some(all))
}

/// The whole gigabytes that a size lies between.
fn range(bytes: u64) -> [f64; 2] {
    let lower = u32::try_from(bytes / GIB).unwrap_or(u32::MAX);
    [f64::from(lower), f64::from(lower) + 1.0]
}

/// Bytes and rows of a collection.
fn measure(reader: &impl Read, table: Id, digest: &[u8; 16], local: &[&Index]) -> Result<(u64, usize)> {
    let items = RowKey([&table[..], digest].concat());
    let (mut bytes, mut rows) = sum(reader, &ITEMS, &items)?;
    for index in local {
        let held = RowKey([&table[..], &index.number.to_be_bytes(), digest].concat());
        let (of_index, count) = sum(reader, &INDEXED, &held)?;
        (bytes, rows) = (bytes + of_index, rows + count);
    }
    Ok((bytes, rows))
}

fn sum(reader: &impl Read, table: &Table<RowKey, Item>, prefix: &RowKey) -> Result<(u64, usize)> {
    let (mut bytes, mut rows, mut span) = (0, 0, Span::prefix(prefix));
    loop {
        let page = table.scan(reader, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { return Ok((bytes, rows)) };
        span = span.after(last);
        rows += page.len();
        bytes += page.iter().map(|(_, item)| value::size(item) as u64).sum::<u64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_lie_between_whole_gigabytes() {
        assert_eq!(range(0), [0.0, 1.0]);
        assert_eq!(range(GIB - 1), [0.0, 1.0]);
        assert_eq!(range(GIB), [1.0, 2.0]);
        assert_eq!(range(19 * GIB / 2), [9.0, 10.0]);
    }
}
