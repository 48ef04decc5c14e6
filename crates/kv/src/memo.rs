//! Records that every request reads, decoded once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{AsKey, Key, Read, Result, Table};

/// Records that are remembered; a table with more forgets all and begins anew.
const RECORDS_MAX: usize = 1024;

/// A table's records as they were decoded last. A record's bytes are read each time, and decoded when they are others:
/// what is given back is what the reader would have decoded itself.
pub struct Memo<K, V> {
    table: Table<K, V>,
    known: Mutex<HashMap<Vec<u8>, Known<V>>>,
}

/// A record, and the bytes that it was decoded from.
type Known<V> = (Bytes, Arc<V>);

impl<K: Key, V: Serialize + DeserializeOwned> Memo<K, V> {
    pub fn new(table: Table<K, V>) -> Self {
        Self { table, known: Mutex::default() }
    }

    /// As [`Table::get`].
    ///
    /// # Errors
    /// As [`Table::get`].
    pub fn get(&self, reader: &impl Read, key: &impl AsKey<K>) -> Result<Option<Arc<V>>> {
        let key = self.table.key_bytes(key);
        let Some(bytes) = reader.get_bytes(&key)? else { return Ok(None) };
        if let Some((_, record)) =
            self.known.lock().expect("no panic while held").get(&key).filter(|(known, _)| *known == bytes)
        {
            return Ok(Some(Arc::clone(record)));
        }
        let record = Arc::new(self.table.decode_value(&bytes)?);
        let mut known = self.known.lock().expect("no panic while held");
        if known.len() >= RECORDS_MAX {
            known.clear();
        }
        known.insert(key, (bytes, Arc::clone(&record)));
        Ok(Some(record))
    }
}
