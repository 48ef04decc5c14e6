//! Reading a blob, with its checksum taken on the way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, ReadBuf};

use crate::Blob;

/// The bytes of a blob. Trust them only when the end was reached: if they are not those of the digest, reading ends
/// in an error of kind `InvalidData`.
pub struct BlobReader {
    blob: Blob,
    source: Pin<Box<dyn AsyncRead + Send>>,
    hasher: Sha256,
}

impl BlobReader {
    /// Checks what `source` gives against the digest of `blob`.
    pub fn new(blob: Blob, source: impl AsyncRead + Send + 'static) -> Self {
        Self { blob, source: Box::pin(source), hasher: Sha256::new() }
    }

    pub fn size_bytes(&self) -> u64 {
        self.blob.size_bytes
    }
}

impl AsyncRead for BlobReader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        ready!(self.source.as_mut().poll_read(cx, buffer))?;
        let read = &buffer.filled()[before..];
        if !read.is_empty() {
            self.hasher.update(read);
            return Poll::Ready(Ok(()));
        }
        let found: [u8; 32] = self.hasher.clone().finalize().into();
        if found != *self.blob.digest.as_bytes() {
            let message = format!("stored bytes of blob {} are damaged", self.blob.digest);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, message)));
        }
        Poll::Ready(Ok(()))
    }
}
