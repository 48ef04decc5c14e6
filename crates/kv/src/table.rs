//! Typed tables over byte keys. Records are JSON: readable in a dump, and open to new optional fields.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{AsKey, AsPrefix, Direction, Error, Key, KeyRange, Read, Result, SCAN_ROWS_MAX, Tx};

/// What most records take no more than, in bytes: room for it is made at once.
const RECORD_BYTES_USUAL: usize = 1024;

/// Rows of `K` and `V`. The number, the layout of `K` and the fields of `V` are on disk for ever.
pub struct Table<K, V> {
    number: u16,
    name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Serialize + DeserializeOwned> Table<K, V> {
    /// `number` is the table's own in the whole store; `name` is for messages.
    pub const fn new(number: u16, name: &'static str) -> Self {
        Self { number, name, types: PhantomData }
    }

    pub const fn number(&self) -> u16 {
        self.number
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub fn get(&self, reader: &impl Read, key: &impl AsKey<K>) -> Result<Option<V>> {
        reader.get_bytes(&self.key_bytes(key))?.map(|value| self.decode_value(&value)).transpose()
    }

    pub fn put(&self, tx: &mut Tx, key: &impl AsKey<K>, value: &V) -> Result<()> {
        let mut bytes = Vec::with_capacity(RECORD_BYTES_USUAL);
        serde_json::to_writer(&mut bytes, value)
            .map_err(|source| Error::Encode { table: self.name, source: Arc::new(source) })?;
        tx.put_bytes(self.key_bytes(key), bytes)
    }

    /// Deleting a key that is absent is no error.
    pub fn delete(&self, tx: &mut Tx, key: &impl AsKey<K>) -> Result<()> {
        tx.delete_bytes(self.key_bytes(key))
    }

    /// The first `limit` rows of `span` in key order, or the last ones in reverse order. Fewer than `limit` means
    /// there are no more. In a transaction, any other write into what was seen is a conflict.
    pub fn scan(
        &self,
        reader: &impl Read,
        span: &Span<K>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<(K, V)>> {
        let number = self.number.to_be_bytes();
        let rows = reader.scan_bytes(&span.of_table(number), limit, direction)?;
        rows.into_iter()
            .map(|(key, value)| {
                let key = K::decode_key(&key[number.len()..])
                    .map_err(|source| Error::DecodeKey { table: self.name, source })?;
                Ok((key, self.decode_value(&value)?))
            })
            .collect()
    }

    /// Every row of `span` in key order. For spans that are known to be small: all of it is held at once.
    pub fn all(&self, reader: &impl Read, span: &Span<K>) -> Result<Vec<(K, V)>>
    where
        K: AsKey<K> + Clone,
    {
        let (mut rows, mut rest) = (Vec::new(), span.clone());
        loop {
            let mut page = self.scan(reader, &rest, SCAN_ROWS_MAX, Direction::Forward)?;
            let more = page.len() == SCAN_ROWS_MAX;
            if let Some((last, _)) = page.last().filter(|_| more) {
                rest = rest.after(last);
            }
            rows.append(&mut page);
            if !more {
                return Ok(rows);
            }
        }
    }

    /// Deletes every row of `span`.
    pub fn delete_all(&self, tx: &mut Tx, span: &Span<K>) -> Result<()>
    where
        K: AsKey<K> + Clone,
    {
        self.all(tx, span)?.iter().try_for_each(|(key, _)| self.delete(tx, key))
    }

    /// The bytes that begin the keys under `prefix`, for [`crate::Kv::watch`].
    pub fn prefix(&self, prefix: &impl AsPrefix<K>) -> Bytes {
        let mut bytes = self.number.to_be_bytes().to_vec();
        prefix.encode_as_prefix(&mut bytes);
        bytes.into()
    }

    pub(crate) fn key_bytes(&self, key: &impl AsKey<K>) -> Vec<u8> {
        let mut bytes = self.number.to_be_bytes().to_vec();
        key.encode_as_key(&mut bytes);
        bytes
    }

    pub(crate) fn decode_value(&self, bytes: &[u8]) -> Result<V> {
        serde_json::from_slice(bytes)
            .map_err(|source| Error::Decode { table: self.name, source: Arc::new(source) })
    }
}

/// A stretch of a table's keys. `all` and `prefix` begin one; the others cut it.
#[derive(Clone, Debug)]
pub struct Span<K> {
    /// Without the table's number.
    range: KeyRange,
    key: PhantomData<fn() -> K>,
}

impl<K: Key> Span<K> {
    pub fn all() -> Self {
        Self { range: KeyRange::all(), key: PhantomData }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: &impl AsPrefix<K>) -> Self {
        Self { range: KeyRange::prefix(prefix_bytes(prefix)), key: PhantomData }
    }

    /// Only keys at or above `key`.
    pub fn from(self, key: &impl AsKey<K>) -> Self {
        self.starting_at(key_bytes(key).into())
    }

    /// Only keys above `key`.
    pub fn after(self, key: &impl AsKey<K>) -> Self {
        let mut next = key_bytes(key);
        next.push(0);
        self.starting_at(next.into())
    }

    /// Only keys above all those that begin with `prefix`.
    pub fn after_prefix(self, prefix: &impl AsPrefix<K>) -> Self {
        match KeyRange::prefix(prefix_bytes(prefix)).end {
            Some(next) => self.starting_at(next),
            // Nothing lies above a prefix that has no end.
            None => self.ending_at(Bytes::new()),
        }
    }

    /// Only keys below `key`.
    pub fn before(self, key: &impl AsKey<K>) -> Self {
        self.ending_at(key_bytes(key).into())
    }

    fn starting_at(mut self, start: Bytes) -> Self {
        self.range.start = self.range.start.max(start);
        self
    }

    fn ending_at(mut self, end: Bytes) -> Self {
        self.range.end = Some(self.range.end.map_or(end.clone(), |old| old.min(end)));
        self
    }

    fn of_table(&self, number: [u8; 2]) -> KeyRange {
        let start: Bytes = [&number[..], &self.range.start].concat().into();
        let end = match &self.range.end {
            Some(end) => Some([&number[..], end].concat().into()),
            None => KeyRange::prefix(number.to_vec()).end,
        };
        KeyRange { start, end }
    }
}

fn key_bytes<K>(key: &impl AsKey<K>) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.encode_as_key(&mut bytes);
    bytes
}

fn prefix_bytes<K>(prefix: &impl AsPrefix<K>) -> Vec<u8> {
    let mut bytes = Vec::new();
    prefix.encode_as_prefix(&mut bytes);
    bytes
}
