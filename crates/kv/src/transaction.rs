//! A transaction: reads that are remembered, writes that are kept until the commit.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Commit, Direction, Error, KEY_BYTES_MAX, KeyRange, ReadSet, Result, Row, SCAN_ROWS_MAX,
    TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX, View, Write,
};

/// What transactions and snapshots have in common.
pub trait Read {
    fn get_bytes(&self, key: &[u8]) -> Result<Option<Bytes>>;

    /// The first `limit` rows of `range` in key order, or the last ones in reverse order. Fewer than `limit`
    /// means there are no more.
    ///
    /// # Errors
    /// [`Error::ScanSize`] when `limit` is above [`SCAN_ROWS_MAX`].
    fn scan_bytes(&self, range: &KeyRange, limit: usize, direction: Direction) -> Result<Vec<Row>>;
}

/// A running transaction, as the closure given to [`crate::Kv::transact`] sees it. It reads its own writes.
pub struct Tx {
    view: Arc<dyn View>,
    reads: RefCell<Reads>,
    writes: BTreeMap<Bytes, Option<Bytes>>,
    written_bytes: usize,
}

#[derive(Default)]
struct Reads {
    set: ReadSet,
    bytes: usize,
}

impl Tx {
    pub(crate) fn new(view: Arc<dyn View>) -> Self {
        Self { view, reads: RefCell::default(), writes: BTreeMap::new(), written_bytes: 0 }
    }

    /// # Errors
    /// When the key, the value or the whole transaction is too large.
    pub fn put_bytes(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<()> {
        let value = value.into();
        if value.len() > VALUE_BYTES_MAX {
            return Err(Error::ValueSize { bytes: value.len() });
        }
        self.write(key.into(), Some(value))
    }

    /// Deleting a key that is absent is no error.
    ///
    /// # Errors
    /// When the key or the whole transaction is too large.
    pub fn delete_bytes(&mut self, key: impl Into<Bytes>) -> Result<()> {
        self.write(key.into(), None)
    }

    fn write(&mut self, key: Bytes, value: Option<Bytes>) -> Result<()> {
        check_key(&key)?;
        let added = size_of_write(&key, value.as_ref());
        let replaced = self.writes.get(&key).map_or(0, |old| size_of_write(&key, old.as_ref()));
        let written_bytes = self.written_bytes - replaced + added;
        check_transaction(written_bytes + self.reads.borrow().bytes)?;
        self.written_bytes = written_bytes;
        self.writes.insert(key, value);
        Ok(())
    }

    /// What the engine is to decide; `None` when nothing was written, which needs no decision.
    pub(crate) fn into_commit(self) -> Option<Commit> {
        let writes: Vec<Write> = self.writes.into_iter().collect();
        let reads = self.reads.into_inner().set;
        (!writes.is_empty()).then(|| Commit { version: self.view.version(), reads, writes })
    }

    fn note_key(&self, key: &[u8]) -> Result<()> {
        let mut reads = self.reads.borrow_mut();
        reads.bytes += key.len();
        check_transaction(self.written_bytes + reads.bytes)?;
        reads.set.keys.push(Bytes::copy_from_slice(key));
        Ok(())
    }

    fn note_range(&self, range: KeyRange) -> Result<()> {
        let mut reads = self.reads.borrow_mut();
        reads.bytes += range.start.len() + range.end.as_ref().map_or(0, Bytes::len);
        check_transaction(self.written_bytes + reads.bytes)?;
        reads.set.ranges.push(range);
        Ok(())
    }

    /// Own writes laid over what the view holds, in as many reads of the view as own deletions make necessary.
    fn merged(&self, range: &KeyRange, limit: usize, direction: Direction) -> Result<Vec<Row>> {
        let mut rest = range.clone();
        let mut rows = Vec::new();
        while rows.len() < limit && !rest.is_empty() {
            let wanted = limit - rows.len();
            let stored = self.view.scan(&rest, wanted, direction)?;
            // Beyond the last stored row nothing is known yet, unless the view has no more.
            let (known, unknown) = match stored.last() {
                Some((last, _)) if stored.len() == wanted => split_after(&rest, last, direction),
                _ => (rest.clone(), None),
            };
            let mut merged: BTreeMap<Bytes, Bytes> = stored.into_iter().collect();
            for (key, value) in self.own_writes(&known) {
                match value {
                    Some(value) => merged.insert(key.clone(), value.clone()),
                    None => merged.remove(key),
                };
            }
            match direction {
                Direction::Forward => rows.extend(merged.into_iter().take(wanted)),
                Direction::Reverse => rows.extend(merged.into_iter().rev().take(wanted)),
            }
            let Some(unknown) = unknown else { break };
            rest = unknown;
        }
        Ok(rows)
    }

    fn own_writes(&self, range: &KeyRange) -> impl Iterator<Item = (&Bytes, &Option<Bytes>)> {
        self.writes.range::<Bytes, _>(range.bounds())
    }
}

impl Read for Tx {
    fn get_bytes(&self, key: &[u8]) -> Result<Option<Bytes>> {
        check_key(key)?;
        if let Some(written) = self.writes.get(key) {
            return Ok(written.clone());
        }
        self.note_key(key)?;
        self.view.get(key)
    }

    fn scan_bytes(&self, range: &KeyRange, limit: usize, direction: Direction) -> Result<Vec<Row>> {
        check_scan(limit)?;
        if limit == 0 || range.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.merged(range, limit, direction)?;
        // A scan that stopped at its limit has not seen what lies beyond, so a write there is no conflict.
        let seen = match rows.last() {
            Some((last, _)) if rows.len() == limit => split_after(range, last, direction).0,
            _ => range.clone(),
        };
        self.note_range(seen)?;
        Ok(rows)
    }
}

/// `range` as far as `last` included, and what remains of it in `direction`.
fn split_after(range: &KeyRange, last: &Bytes, direction: Direction) -> (KeyRange, Option<KeyRange>) {
    match direction {
        Direction::Forward => {
            let next: Bytes = [last, &[0][..]].concat().into();
            let rest = KeyRange { start: next.clone(), end: range.end.clone() };
            (KeyRange { start: range.start.clone(), end: Some(next) }, Some(rest))
        }
        Direction::Reverse => {
            let rest = KeyRange { start: range.start.clone(), end: Some(last.clone()) };
            (KeyRange { start: last.clone(), end: range.end.clone() }, Some(rest))
        }
    }
}

fn size_of_write(key: &Bytes, value: Option<&Bytes>) -> usize {
    key.len() + value.map_or(0, Bytes::len)
}

pub(crate) fn check_key(key: &[u8]) -> Result<()> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        return Err(Error::KeySize { bytes: key.len() });
    }
    Ok(())
}

pub(crate) fn check_scan(limit: usize) -> Result<()> {
    if limit > SCAN_ROWS_MAX {
        return Err(Error::ScanSize { rows: limit });
    }
    Ok(())
}

fn check_transaction(bytes: usize) -> Result<()> {
    if bytes > TRANSACTION_BYTES_MAX {
        return Err(Error::TransactionSize { bytes });
    }
    Ok(())
}
