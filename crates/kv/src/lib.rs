//! The storage contract: ordered keys, snapshots, optimistic transactions, watches, typed tables.
//!
//! Start at [`Kv`]; services declare [`Table`]s in their `keys.rs`. Engines implement [`Engine`] and run
//! [`kv_conformance!`]. Nothing here asks for more than a database over a network can give.

#[cfg(feature = "conformance")]
pub mod conformance;
mod engine;
mod error;
mod key;
mod memo;
mod recent;
mod store;
mod table;
mod transaction;
mod watch;

pub use engine::{BoxFuture, Commit, CommitError, Direction, Engine, KeyRange, ReadSet, Row, View, Write};
pub use error::{Error, Result};
pub use key::{AsKey, AsPart, AsPrefix, AsTail, Key, KeyError, Part, StartsWith};
pub use memo::Memo;
pub use recent::RecentWrites;
pub use store::{Kv, Snapshot};
pub use table::{Span, Table};
pub use transaction::{Read, Tx};
pub use watch::{Watch, Watches};

/// Longest key, in bytes, table number included. Room for an S3 key of 1 KiB with a bucket before it;
/// below what a PostgreSQL index entry holds (2704).
pub const KEY_BYTES_MAX: usize = 2048;

/// Largest value, in bytes. Room for a 1 MiB message as an escaped JSON string.
pub const VALUE_BYTES_MAX: usize = 4 << 20;

/// Largest transaction, in bytes: keys and values written, and keys and range bounds read. FoundationDB's
/// bound is the same.
pub const TRANSACTION_BYTES_MAX: usize = 10 << 20;

/// Most rows that one scan returns.
pub const SCAN_ROWS_MAX: usize = 10_000;

/// How many times a transaction runs before it gives up with [`Error::Contention`].
pub const ATTEMPTS_MAX: u32 = 32;
