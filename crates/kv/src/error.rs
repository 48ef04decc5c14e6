//! What can go wrong between a service and its storage.

use std::sync::Arc;

use crate::{KEY_BYTES_MAX, KeyError, SCAN_ROWS_MAX, TRANSACTION_BYTES_MAX, VALUE_BYTES_MAX};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("key of {bytes} bytes; allowed are 1 to {KEY_BYTES_MAX}")]
    KeySize { bytes: usize },
    #[error("value of {bytes} bytes; allowed are {VALUE_BYTES_MAX}")]
    ValueSize { bytes: usize },
    #[error("transaction of {bytes} bytes; allowed are {TRANSACTION_BYTES_MAX}")]
    TransactionSize { bytes: usize },
    #[error("scan of {rows} rows; allowed are {SCAN_ROWS_MAX}")]
    ScanSize { rows: usize },
    /// Others wrote what this transaction read, at every attempt. Nothing was written.
    #[error("transaction met a conflict {attempts} times")]
    Contention { attempts: u32 },
    #[error("encode record of table {table}")]
    Encode { table: &'static str, source: Arc<serde_json::Error> },
    #[error("decode record of table {table}")]
    Decode { table: &'static str, source: Arc<serde_json::Error> },
    #[error("decode key of table {table}")]
    DecodeKey { table: &'static str, source: KeyError },
    /// The engine failed. When it was committing, the transaction may or may not have been written.
    #[error("{doing}")]
    Engine { doing: &'static str, source: Arc<dyn std::error::Error + Send + Sync> },
}

impl Error {
    /// An engine's failure while `doing` something, such as "read key".
    pub fn engine(doing: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Engine { doing, source: Arc::new(source) }
    }
}
