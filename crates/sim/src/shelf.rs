//! Blobs in memory that outlive processes; putting one takes time, and the process may die at it.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};

use blob::{Blob, BlobReader, Blobs, BoxFuture, Digest, Error, LIST_MAX, Range, Result, Stored};
use bytes::Bytes;
use env::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::disk::Disk;

/// What is durable.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<BTreeMap<Digest, (Bytes, Timestamp)>>>);

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Digest, (Bytes, Timestamp)>> {
        self.0.lock().expect("no panic while held")
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

/// The same as one process sees it.
pub(crate) struct Keeper {
    pub shelf: Shelf,
    pub disk: Disk,
}

impl Keeper {
    fn find(&self, digest: Digest) -> Option<Bytes> {
        self.shelf.lock().get(&digest).map(|(bytes, _)| bytes.clone())
    }
}

impl Blobs for Keeper {
    fn put<'a>(
        &'a self,
        source: &'a mut (dyn AsyncRead + Send + Unpin),
        size_bytes_max: u64,
    ) -> BoxFuture<'a, Result<Blob>> {
        Box::pin(async move {
            let mut bytes = Vec::new();
            source.take(size_bytes_max + 1).read_to_end(&mut bytes).await.map_err(Error::Source)?;
            let size_bytes = bytes.len() as u64;
            if size_bytes > size_bytes_max {
                return Err(Error::TooLarge { size_bytes_max });
            }
            let digest = Digest::from_bytes(Sha256::digest(&bytes).into());
            self.disk.step().await;
            self.disk.linger().await;
            self.disk.life.go_on().await;
            self.shelf.lock().insert(digest, (bytes.into(), self.disk.env.now()));
            self.disk.step().await;
            Ok(Blob { digest, size_bytes })
        })
    }

    fn get(&self, digest: Digest) -> BoxFuture<'_, Result<Option<BlobReader>>> {
        Box::pin(async move {
            self.disk.linger().await;
            let reader = |bytes: Bytes| {
                BlobReader::new(Blob { digest, size_bytes: bytes.len() as u64 }, Cursor::new(bytes))
            };
            Ok(self.find(digest).map(reader))
        })
    }

    fn get_range(&self, digest: Digest, start: u64, size_bytes: u64) -> BoxFuture<'_, Result<Option<Range>>> {
        Box::pin(async move {
            self.disk.linger().await;
            let index = |at: u64| usize::try_from(at).expect("it lies in memory");
            let part = |bytes: Bytes| bytes.slice(index(start)..index(start + size_bytes));
            let whole = |bytes: Bytes| futures_util::stream::iter(Some(Ok(bytes)));
            Ok(self.find(digest).map(|bytes| Box::pin(whole(part(bytes))) as Range))
        })
    }

    fn contains(&self, digest: Digest) -> BoxFuture<'_, Result<bool>> {
        Box::pin(std::future::ready(Ok(self.shelf.lock().contains_key(&digest))))
    }

    fn delete(&self, digest: Digest) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            self.disk.step().await;
            self.disk.linger().await;
            self.disk.life.go_on().await;
            let was_there = self.shelf.lock().remove(&digest).is_some();
            self.disk.step().await;
            Ok(was_there)
        })
    }

    fn list(&self, after: Option<Digest>) -> BoxFuture<'_, Result<Vec<Stored>>> {
        let shelf = self.shelf.lock();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let stored = shelf.range((from, Bound::Unbounded)).take(LIST_MAX).map(|(digest, (bytes, at))| {
            Stored { blob: Blob { digest: *digest, size_bytes: bytes.len() as u64 }, stored_at: *at }
        });
        let stored = stored.collect();
        Box::pin(std::future::ready(Ok(stored)))
    }
}
