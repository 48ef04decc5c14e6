//! Bytes that are still on their way, as one value of an input or output: an object's body.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use futures_util::StreamExt as _;

use crate::body::Pieces;
use crate::value::{Value, Wire};

/// Fields that follow a body, known once it was read to its end. Names are lower-case.
pub type Trailer = Arc<OnceLock<Vec<(String, String)>>>;

/// A body as it comes. Its clones are one stream, which whoever takes it first has.
#[derive(Clone)]
pub struct ByteStream(Arc<Mutex<Option<Source>>>);

/// The bytes themselves. An error that AWS has words for is an [`crate::AwsError`] inside the `io::Error`.
pub struct Source {
    pub pieces: Pieces,
    /// How many bytes there will be, where that is known.
    pub size_bytes: Option<u64>,
    pub trailer: Trailer,
}

impl ByteStream {
    pub fn new(pieces: Pieces, size_bytes: Option<u64>) -> Self {
        Source { pieces, size_bytes, trailer: Trailer::default() }.into()
    }

    /// The bytes; `None` when somebody has taken them before.
    pub fn take(&self) -> Option<Source> {
        self.0.lock().expect("no panic while held").take()
    }

    /// Waits for all of it, but for no more than `bytes_max`.
    ///
    /// # Errors
    /// When it breaks off, or is longer.
    pub async fn collect(&self, bytes_max: usize) -> io::Result<Bytes> {
        let mut all = Vec::new();
        let Some(mut source) = self.take() else { return Ok(Bytes::new()) };
        while let Some(piece) = source.pieces.next().await {
            let piece = piece?;
            if all.len() + piece.len() > bytes_max {
                return Err(io::Error::other("more bytes than expected"));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }
}

impl From<Source> for ByteStream {
    fn from(source: Source) -> Self {
        Self(Arc::new(Mutex::new(Some(source))))
    }
}

impl From<Bytes> for ByteStream {
    fn from(bytes: Bytes) -> Self {
        let size_bytes = Some(bytes.len() as u64);
        let whole = (!bytes.is_empty()).then_some(Ok(bytes));
        Self::new(Box::pin(futures_util::stream::iter(whole)), size_bytes)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByteStream")
    }
}

impl PartialEq for ByteStream {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Wire for ByteStream {
    fn from_value(value: Value) -> Self {
        match value {
            Value::Stream(stream) => stream,
            Value::Blob(bytes) => bytes.into(),
            other => crate::value::mismatch("Stream", &other),
        }
    }

    fn into_value(self) -> Value {
        Value::Stream(self)
    }
}
