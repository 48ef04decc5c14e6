//! What items were before they were changed: the log that backups, recovery and exports read a table's past from.
//!
//! A table keeps it while it can be recovered, and while something is copied of it. An item's state at a moment is what
//! the first change after that moment found, or, when there was none, what the item is now; so the past needs no image to
//! begin with, a page of it can be read at any time, and what is too old is just deleted. See ADR 45.

use std::collections::BTreeMap;

use aws_wire::Result;
use kv::{Direction, Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::keys::{CLAIMS, DOOMED, ITEMS, Id, PAST, PAST_TIMES, RowKey, TABLES, TableKey};
use crate::table::TableRecord;
use crate::value::{self, Item};

/// Rows and bytes of one page of the past.
const ROWS: usize = 64;
const BYTES: usize = 2 << 20;
/// Bytes of a change's number at the end of its key, and of the table's id at the beginning.
const NUMBER: usize = 8;
const ID: usize = 16;

/// What a change found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Past {
    /// Nothing, where the change made the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Item>,
}

/// Who still reads a table's rows, or a backup's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// Changes from this number on are not seen; those before it may be forgotten.
    pub number: u64,
    /// The table's name, as long as it is there.
    pub table: TableKey,
    pub task: Task,
}

/// What reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Task {
    /// A backup that is made, by its key.
    Backup((String, String, String)),
    /// An export, by its key.
    Export((String, String, String)),
    /// A table that is being restored, which its settling does.
    Restore,
}

fn place(row: &RowKey, number: u64) -> RowKey {
    RowKey([&row.0[..], &number.to_be_bytes()].concat())
}

/// Notes what the change with this number found at `row`.
///
/// # Errors
/// Those of the store.
pub(crate) fn record(
    tx: &mut Tx,
    table: Id,
    row: &RowKey,
    number: u64,
    old: Option<&Item>,
) -> Result<(), kv::Error> {
    PAST.put(tx, &place(row, number), &Past { old: old.cloned() })?;
    PAST_TIMES.put(tx, &(table, number), &row.0)
}

/// Claims the rows of `table`: its past is kept, and every write that is not stored yet begins anew, with a number above
/// those that were handed out before.
///
/// # Errors
/// Those of the store.
pub(crate) fn claim(
    tx: &mut Tx,
    table: &mut TableRecord,
    copy: Id,
    number: u64,
    task: Task,
) -> Result<(), kv::Error> {
    table.keeps_past = true;
    table.version += 1;
    TABLES.put(tx, &table.key(), table)?;
    CLAIMS.put(tx, &(table.id, copy), &Claim { number, table: table.key(), task })
}

/// Gives up a claim; with the last one a table that can't be recovered keeps no past any more.
///
/// # Errors
/// Those of the store.
pub(crate) fn release(tx: &mut Tx, table: Id, copy: Id) -> Result<(), kv::Error> {
    let Some(claim) = CLAIMS.get(tx, &(table, copy))? else { return Ok(()) };
    CLAIMS.delete(tx, &(table, copy))?;
    if !CLAIMS.scan(tx, &Span::prefix(&(table,)), 1, Direction::Forward)?.is_empty() {
        return Ok(());
    }
    if DOOMED.get(tx, &(table, Vec::new()))?.is_some() {
        // Whoever clears away left it alone until now.
        DOOMED.put(tx, &(table, Vec::new()), &())?;
    }
    if let Some(mut record) = TABLES.get(tx, &claim.table)?
        && record.id == table
        && record.recovery.is_none()
    {
        record.keeps_past = false;
        record.version += 1;
        TABLES.put(tx, &claim.table, &record)?;
    }
    Ok(())
}

/// A page of rows, without the table's id, and after which row the next one begins.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub rows: Vec<(Vec<u8>, T)>,
    pub next: Option<Vec<u8>>,
}

fn whole(table: Id, row: &[u8]) -> RowKey {
    RowKey([&table[..], row].concat())
}

/// The first row after `after` that was changed, without the table's id.
fn next_changed(reader: &impl Read, table: Id, after: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
    let mut span = Span::prefix(&RowKey(table.to_vec()));
    if let Some(after) = after {
        // No row's key is the beginning of another's.
        span = span.after_prefix(&whole(table, after));
    }
    let found = PAST.scan(reader, &span, 1, Direction::Forward)?;
    Ok(found.first().map(|(key, _)| key.0[ID..key.0.len() - NUMBER].to_vec()))
}

/// The first change of a row from `number` on: its number, and what it found.
fn first_change(reader: &impl Read, row: &RowKey, number: u64) -> Result<Option<(u64, Past)>> {
    let span = Span::prefix(row).from(&place(row, number));
    let found = PAST.scan(reader, &span, 1, Direction::Forward)?;
    Ok(found.into_iter().next().map(|(key, past)| (number_of(&key), past)))
}

fn number_of(key: &RowKey) -> u64 {
    key.0.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// The next items as they were just before the change with this number.
///
/// # Errors
/// Those of the store.
pub(crate) fn items_at(
    reader: &impl Read,
    table: Id,
    number: u64,
    after: Option<&[u8]>,
) -> Result<Page<Item>> {
    let all = Span::prefix(&RowKey(table.to_vec()));
    let span = after.map_or(all.clone(), |after| all.clone().after(&whole(table, after)));
    let live = ITEMS.scan(reader, &span, ROWS, Direction::Forward)?;
    let mut end = live.last().filter(|_| live.len() == ROWS).map(|(row, _)| row.0[ID..].to_vec());
    let mut rows = live
        .into_iter()
        .map(|(row, item)| (row.0[ID..].to_vec(), Some(item)))
        .collect::<BTreeMap<_, Option<Item>>>();
    let (mut at, mut seen) = (after.map(<[u8]>::to_vec), 0);
    while let Some(row) = next_changed(reader, table, at.as_deref())? {
        if end.as_ref().is_some_and(|end| row > *end) {
            break;
        }
        if let Some((_, past)) = first_change(reader, &whole(table, &row), number)? {
            rows.insert(row.clone(), past.old);
        }
        seen += 1;
        if seen == ROWS {
            rows.retain(|known, _| *known <= row);
            end = Some(row);
            break;
        }
        at = Some(row);
    }
    Ok(cut(rows.into_iter(), end, value::size))
}

/// As many rows as make a page.
fn cut<T>(
    rows: impl Iterator<Item = (Vec<u8>, Option<T>)>,
    end: Option<Vec<u8>>,
    size: impl Fn(&T) -> usize,
) -> Page<T> {
    let mut page = Page { rows: Vec::new(), next: end };
    let mut bytes = 0;
    for (row, value) in rows {
        if bytes >= BYTES {
            page.next = page.rows.last().map(|(row, _)| row.clone());
            break;
        }
        if let Some(value) = value {
            bytes += size(&value);
            page.rows.push((row, value));
        }
    }
    page
}

/// What became of an item in a stretch of time.
#[derive(Debug)]
pub(crate) struct Changed {
    pub old: Option<Item>,
    pub new: Option<Item>,
    /// The number of the last change.
    pub number: u64,
}

/// The next items that were changed by a change from the number `from` on and before `to`.
///
/// # Errors
/// Those of the store.
pub(crate) fn changes_between(
    reader: &impl Read,
    table: Id,
    (from, to): (u64, u64),
    after: Option<&[u8]>,
) -> Result<Page<Changed>> {
    let (mut rows, mut at) = (Vec::new(), after.map(<[u8]>::to_vec));
    let mut end = None;
    while let Some(row) = next_changed(reader, table, at.as_deref())? {
        let key = whole(table, &row);
        let first = first_change(reader, &key, from)?.filter(|(number, _)| *number < to);
        let changed = match first {
            None => None,
            Some((_, first)) => {
                let within = Span::prefix(&key).from(&place(&key, from)).before(&place(&key, to));
                let last = PAST.scan(reader, &within, 1, Direction::Reverse)?;
                let new = match first_change(reader, &key, to)? {
                    Some((_, past)) => past.old,
                    None => ITEMS.get(reader, &key)?,
                };
                let number = last.first().map_or(from, |(key, _)| number_of(key));
                Some(Changed { old: first.old, new, number })
            }
        };
        rows.push((row.clone(), changed));
        if rows.len() == ROWS {
            end = Some(row);
            break;
        }
        at = Some(row);
    }
    let size = |item: &Option<Item>| item.as_ref().map_or(0, value::size);
    Ok(cut(rows.into_iter(), end, |changed: &Changed| size(&changed.old) + size(&changed.new)))
}

/// Before which number a table's past may be forgotten.
fn horizon(reader: &impl Read, table: &TableRecord, now_us: i64) -> Result<u64> {
    let recovered = match &table.recovery {
        Some(recovery) => recovery.earliest_us(now_us),
        None => i64::MAX,
    };
    let recovered = u64::try_from(recovered).unwrap_or(0);
    let claims = CLAIMS.all(reader, &Span::prefix(&(table.id,)))?;
    Ok(claims.iter().map(|(_, claim)| claim.number).fold(recovered, u64::min))
}

/// Forgets what nobody can ask for any more.
///
/// # Errors
/// Those of the store.
pub(crate) async fn trim(cx: &Ctx) -> Result<()> {
    let mut span = Span::all();
    loop {
        let tables = TABLES.scan(&cx.kv.snapshot().await?, &span, ROWS, Direction::Forward)?;
        for (_, table) in &tables {
            while trim_some(cx, table).await? {}
        }
        match tables.last() {
            Some((last, _)) if tables.len() == ROWS => span = Span::all().after(last),
            _ => return Ok(()),
        }
    }
}

async fn trim_some(cx: &Ctx, table: &TableRecord) -> Result<bool> {
    let snapshot = cx.kv.snapshot().await?;
    let all = Span::prefix(&(table.id,));
    if PAST_TIMES.scan(&snapshot, &all, 1, Direction::Forward)?.is_empty() {
        return Ok(false);
    }
    let now = cx.env.now().as_micros();
    cx.kv
        .transact(|tx| {
            // What is kept is decided by the record as it is: a claim made meanwhile counts.
            let Some(table) = TABLES.get(tx, &table.key())?.filter(|known| known.id == table.id) else {
                return Ok(false);
            };
            let span = all.clone().before(&(table.id, horizon(tx, &table, now)?));
            let rows = PAST_TIMES.scan(tx, &span, ROWS, Direction::Forward)?;
            for (key, row) in &rows {
                PAST.delete(tx, &place(&RowKey(row.clone()), key.1))?;
                PAST_TIMES.delete(tx, key)?;
            }
            Ok::<_, aws_wire::AwsError>(rows.len() == ROWS)
        })
        .await
}
