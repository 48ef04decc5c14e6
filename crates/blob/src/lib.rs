//! Content-addressed storage of code packages and other large immutable bytes.
//!
//! [`Blobs`] is the contract, [`DiskBlobs`] keeps each blob as a file.

#[cfg(feature = "conformance")]
pub mod conformance;
mod digest;
mod disk;
mod reader;

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;

use bytes::Bytes;
use env::Timestamp;
use futures_util::Stream;
use tokio::io::AsyncRead;

pub use digest::{Digest, ParseDigestError};
pub use disk::DiskBlobs;
pub use reader::BlobReader;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A part of a blob, in pieces of up to [`PIECE_BYTES`]: as they were read, nothing is copied for whoever takes them.
pub type Range = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Bytes read at a time: what is read is still in the processor's cache when it is sent.
pub const PIECE_BYTES: usize = 256 * 1024;

/// Most blobs that one call of [`Blobs::list`] returns.
pub const LIST_MAX: usize = 1000;

/// Stores bytes under their SHA-256.
pub trait Blobs: Send + Sync {
    /// Reads `source` to its end and stores it. Resolves once the blob is durable. Putting what is already there
    /// renews its `stored_at`.
    ///
    /// Dropping the future leaves the whole blob or nothing.
    ///
    /// # Errors
    /// [`Error::TooLarge`] as soon as `source` gives more than `size_bytes_max`; [`Error::Source`] when it fails.
    /// Nothing is stored then.
    fn put<'a>(
        &'a self,
        source: &'a mut (dyn AsyncRead + Send + Unpin),
        size_bytes_max: u64,
    ) -> BoxFuture<'a, Result<Blob>>;

    /// The blob as a stream that ends in an error if the bytes are not those of the digest. `None` when absent.
    fn get(&self, digest: Digest) -> BoxFuture<'_, Result<Option<BlobReader>>>;

    /// `size_bytes` of the blob from `start` on, which must lie inside it. What is read is not checked against the
    /// digest, for that is of the whole. `None` when absent.
    fn get_range(&self, digest: Digest, start: u64, size_bytes: u64) -> BoxFuture<'_, Result<Option<Range>>>;

    fn contains(&self, digest: Digest) -> BoxFuture<'_, Result<bool>>;

    /// Says whether it was there. Open readers are not disturbed.
    fn delete(&self, digest: Digest) -> BoxFuture<'_, Result<bool>>;

    /// Blobs after `after` in the order of digests, at most [`LIST_MAX`]; an empty list is the end. For collecting
    /// garbage: a blob that nobody refers to may be new, so look at `stored_at` before deleting it.
    fn list(&self, after: Option<Digest>) -> BoxFuture<'_, Result<Vec<Stored>>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    pub digest: Digest,
    pub size_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub blob: Blob,
    /// When it was last put, by the clock of the file system.
    pub stored_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("blob is larger than {size_bytes_max} bytes")]
    TooLarge { size_bytes_max: u64 },
    #[error("read the bytes to store")]
    Source(#[source] io::Error),
    #[error("{doing} {}", .path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
}
