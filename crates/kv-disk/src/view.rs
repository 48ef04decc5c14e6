//! Reading as of one moment. Never waits for the committer.

use std::sync::Arc;

use bytes::Bytes;
use fjall::{Guard, Readable, Snapshot};
use kv::{Direction, Error, KeyRange, Result, Row, View};

use crate::Store;

pub(crate) struct DiskView {
    pub version: u64,
    pub snapshot: Snapshot,
    pub store: Arc<Store>,
}

impl View for DiskView {
    fn version(&self) -> u64 {
        self.version
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let value =
            self.snapshot.get(&self.store.rows, key).map_err(|error| Error::engine("read key", error))?;
        Ok(value.map(Bytes::from))
    }

    fn scan(&self, range: &KeyRange, limit: usize, direction: Direction) -> Result<Vec<Row>> {
        let rows = self.snapshot.range::<Bytes, _>(&self.store.rows, range.bounds());
        match direction {
            Direction::Forward => rows.take(limit).map(row).collect(),
            Direction::Reverse => rows.rev().take(limit).map(row).collect(),
        }
    }
}

fn row(guard: Guard) -> Result<Row> {
    let (key, value) = guard.into_inner().map_err(|error| Error::engine("scan keys", error))?;
    Ok((key.into(), value.into()))
}
