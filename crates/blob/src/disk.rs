//! Blobs as files: `<first two digits>/<all digits>`, written elsewhere and moved into place when whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use env::{Env, Timestamp};
use sha2::{Digest as _, Sha256};
use tokio::fs::{self, File};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use crate::{
    Blob, BlobReader, Blobs, BoxFuture, Digest, Error, LIST_MAX, PIECE_BYTES, Range, Result, Stored,
};

/// Where uploads grow until they are whole.
const UNFINISHED: &str = "unfinished";
const CHUNK_BYTES: usize = 64 * 1024;

/// Blobs in one directory, which must be used by one process at a time.
pub struct DiskBlobs {
    root: PathBuf,
    env: Env,
}

impl DiskBlobs {
    /// Opens the blobs in `root`, which is made if absent, and removes what unfinished uploads left.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn open(root: impl Into<PathBuf>, env: Env) -> Result<Self> {
        let root = root.into();
        let unfinished = root.join(UNFINISHED);
        fs::create_dir_all(&unfinished).await.map_err(io_error("create", &unfinished))?;
        let mut left = fs::read_dir(&unfinished).await.map_err(io_error("list", &unfinished))?;
        while let Some(entry) = left.next_entry().await.map_err(io_error("list", &unfinished))? {
            fs::remove_file(entry.path()).await.map_err(io_error("remove", &entry.path()))?;
        }
        Ok(Self { root, env })
    }

    fn shard(&self, digest: Digest) -> PathBuf {
        self.root.join(&digest.to_string()[..2])
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.shard(digest).join(digest.to_string())
    }

    async fn store(&self, source: &mut (dyn AsyncRead + Send + Unpin), size_bytes_max: u64) -> Result<Blob> {
        let unfinished = Unfinished(self.root.join(UNFINISHED).join(self.env.uuid().to_string()));
        // Not in the background: a future dropped meanwhile would leave a file made after its removal.
        let file = std::fs::File::create_new(&unfinished.0).map_err(io_error("create", &unfinished.0))?;
        let mut file = File::from_std(file);
        let mut hasher = Sha256::new();
        let mut size_bytes = 0;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = source.read(&mut chunk).await.map_err(Error::Source)?;
            if read == 0 {
                break;
            }
            size_bytes += read as u64;
            if size_bytes > size_bytes_max {
                return Err(Error::TooLarge { size_bytes_max });
            }
            hasher.update(&chunk[..read]);
            file.write_all(&chunk[..read]).await.map_err(io_error("write", &unfinished.0))?;
        }
        file.flush().await.map_err(io_error("write", &unfinished.0))?;
        file.sync_all().await.map_err(io_error("sync", &unfinished.0))?;
        let digest = Digest::from_bytes(hasher.finalize().into());
        self.move_into_place(&unfinished.0, digest).await?;
        Ok(Blob { digest, size_bytes })
    }

    /// Also when the blob is there already: the new file heals a damaged one, and is newer to a collector of garbage.
    async fn move_into_place(&self, unfinished: &Path, digest: Digest) -> Result<()> {
        let (shard, path) = (self.shard(digest), self.path(digest));
        match fs::create_dir(&shard).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(io_error("create", &shard)(source)),
        }
        fs::rename(unfinished, &path).await.map_err(io_error("move blob to", &path))?;
        sync_directory(&shard).await?;
        // Each time: the shard may have been made just now by another upload that is not durable yet.
        sync_directory(&self.root).await
    }

    async fn open_blob(&self, digest: Digest) -> Result<Option<BlobReader>> {
        let path = self.path(digest);
        let Some(file) = present(File::open(&path).await).map_err(io_error("open", &path))? else {
            return Ok(None);
        };
        let size_bytes = file.metadata().await.map_err(io_error("look at", &path))?.len();
        Ok(Some(BlobReader::new(Blob { digest, size_bytes }, file)))
    }

    async fn list_after(&self, after: Option<Digest>) -> Result<Vec<Stored>> {
        let mut found = Vec::new();
        let first = after.map_or(0, |digest| digest.as_bytes()[0]);
        for shard in first..=u8::MAX {
            let shard = self.root.join(format!("{shard:02x}"));
            let mut stored = list_shard(&shard).await?;
            stored.retain(|stored| after.is_none_or(|after| stored.blob.digest > after));
            stored.sort_by_key(|stored| stored.blob.digest);
            found.extend(stored);
            if found.len() >= LIST_MAX {
                break;
            }
        }
        found.truncate(LIST_MAX);
        Ok(found)
    }
}

impl Blobs for DiskBlobs {
    fn put<'a>(
        &'a self,
        source: &'a mut (dyn AsyncRead + Send + Unpin),
        size_bytes_max: u64,
    ) -> BoxFuture<'a, Result<Blob>> {
        Box::pin(self.store(source, size_bytes_max))
    }

    fn get(&self, digest: Digest) -> BoxFuture<'_, Result<Option<BlobReader>>> {
        Box::pin(self.open_blob(digest))
    }

    fn get_range(&self, digest: Digest, start: u64, size_bytes: u64) -> BoxFuture<'_, Result<Option<Range>>> {
        Box::pin(async move {
            let path = self.path(digest);
            let Some(file) = present(File::open(&path).await).map_err(io_error("open", &path))? else {
                return Ok(None);
            };
            let part = Part { file: Arc::new(file.into_std().await), at: start, left: size_bytes };
            let pieces = futures_util::stream::try_unfold(part, |mut part| async move {
                Ok(part.read().await?.map(|piece| (piece, part)))
            });
            Ok(Some(Box::pin(pieces) as Range))
        })
    }

    fn contains(&self, digest: Digest) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let path = self.path(digest);
            fs::try_exists(&path).await.map_err(io_error("look for", &path))
        })
    }

    fn delete(&self, digest: Digest) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            let path = self.path(digest);
            let removed = present(fs::remove_file(&path).await).map_err(io_error("remove", &path))?;
            Ok(removed.is_some())
        })
    }

    fn list(&self, after: Option<Digest>) -> BoxFuture<'_, Result<Vec<Stored>>> {
        Box::pin(self.list_after(after))
    }
}

/// A part of a file that is still to be read.
struct Part {
    file: Arc<std::fs::File>,
    at: u64,
    left: u64,
}

impl Part {
    /// Reads the next piece straight into the bytes that are given away; `tokio`'s files would copy them.
    async fn read(&mut self) -> io::Result<Option<Bytes>> {
        let wanted = usize::try_from(self.left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        if wanted == 0 {
            return Ok(None);
        }
        let (file, at) = (Arc::clone(&self.file), self.at);
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(wanted);
            rustix::io::retry_on_intr(|| {
                rustix::io::pread(&*file, rustix::buffer::spare_capacity(&mut piece), at)
            })?;
            piece.truncate(wanted);
            Ok::<_, io::Error>(piece)
        });
        let piece = read.await.map_err(io::Error::other)??;
        self.at += piece.len() as u64;
        // A file that ends too early gives less than was asked for, which whoever counts sees.
        self.left = if piece.is_empty() { 0 } else { self.left - piece.len() as u64 };
        Ok((!piece.is_empty()).then(|| piece.into()))
    }
}

/// A file that is removed unless it was moved away; also when the upload's future is dropped.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Absent is the good case. Whatever else fails, the next opening sweeps.
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn list_shard(shard: &Path) -> Result<Vec<Stored>> {
    let mut stored = Vec::new();
    let Some(mut entries) = present(fs::read_dir(shard).await).map_err(io_error("list", shard))? else {
        return Ok(stored);
    };
    while let Some(entry) = entries.next_entry().await.map_err(io_error("list", shard))? {
        let Some(digest) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // It may have been deleted since the directory was read.
        let metadata = present(entry.metadata().await).map_err(io_error("look at", &entry.path()))?;
        let Some(metadata) = metadata else { continue };
        let modified = metadata.modified().map_err(io_error("look at", &entry.path()))?;
        let since_epoch = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        stored.push(Stored {
            blob: Blob { digest, size_bytes: metadata.len() },
            stored_at: Timestamp::default().after(since_epoch),
        });
    }
    Ok(stored)
}

async fn sync_directory(dir: &Path) -> Result<()> {
    let opened = File::open(dir).await.map_err(io_error("open", dir))?;
    opened.sync_all().await.map_err(io_error("sync", dir))
}

/// `None` for what is not there.
fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { doing, path, source }
}
