//! The embedded durable engine: fjall's log-structured tree behind one committer thread.
//!
//! `directory` guards the files, `committer` decides and groups commits, `view` reads.

mod committer;
mod directory;
mod view;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use kv::{BoxFuture, Commit, CommitError, Engine, Error, Result, View, Watches};
use tokio::sync::{mpsc, oneshot};

use committer::{Committer, Request};
use directory::Directory;
use view::DiskView;

/// Decompressed blocks kept in memory, in bytes. The kernel's page cache holds the rest.
const CACHE_BYTES: u64 = 16 << 20;
/// Writes kept in memory before they go to a file, in bytes. Also about what is replayed on opening: with fjall's
/// default of 64 MiB that took 360 ms instead of 18.
const MEMTABLE_BYTES_MAX: u64 = 8 << 20;
/// The least that fjall accepts, in bytes.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// Commits that wait for the committer; further ones wait to be let in.
const COMMITS_WAITING_MAX: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another lambent is using {} (pid {pid})", .dir.display())]
    InUse { dir: PathBuf, pid: String },
    #[error("{} holds files but no lambent store", .dir.display())]
    NotAStore { dir: PathBuf },
    #[error("{} is in format {found:?}; this lambent reads {:?}", .dir.display(), directory::FORMAT)]
    UnknownFormat { dir: PathBuf, found: String },
    #[error("store in {} is damaged", .dir.display())]
    Damaged { dir: PathBuf, source: fjall::Error },
    #[error("{doing} {}", .path.display())]
    Io { doing: &'static str, path: PathBuf, source: std::io::Error },
}

/// The store in one directory. Acknowledges a commit only when it is on disk. When a write fails, the engine
/// refuses all later ones: what the disk holds is known only after opening it again.
///
/// Dropping it finishes the commits it was given; views may outlive it, and keep the directory in use.
pub struct DiskEngine {
    store: Arc<Store>,
    watches: Watches,
    requests: Option<mpsc::Sender<Request>>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

struct Store {
    // Dropped in this order: the directory is given up once its files are closed.
    rows: Keyspace,
    db: Database,
    /// The last version that every new view contains.
    version: AtomicU64,
    _directory: Directory,
}

impl DiskEngine {
    /// Opens the store in `dir`, or makes one when `dir` is absent or empty. Blocks for some milliseconds.
    ///
    /// # Errors
    /// [`OpenError`], when the directory is in use, of another format, damaged or unreadable.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let directory = Directory::claim(dir)?;
        let damaged = |source| match source {
            // A process that opened the engine's files without asking for the directory first.
            fjall::Error::Locked => OpenError::InUse { dir: dir.to_owned(), pid: "unknown".to_owned() },
            fjall::Error::Io(source) => {
                OpenError::Io { doing: "open store in", path: dir.to_owned(), source }
            }
            source => OpenError::Damaged { dir: dir.to_owned(), source },
        };
        let db = Database::builder(directory.data())
            .cache_size(CACHE_BYTES)
            .worker_threads(1)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .open()
            .map_err(damaged)?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES_MAX);
        let rows = db.keyspace("rows", options).map_err(damaged)?;
        let store = Arc::new(Store { rows, db, version: AtomicU64::new(0), _directory: directory });

        let watches = Watches::default();
        let (requests, waiting) = mpsc::channel(COMMITS_WAITING_MAX);
        let committer = Committer::new(store.clone(), watches.clone(), waiting);
        let committer = std::thread::Builder::new()
            .name("kv-committer".to_owned())
            .spawn(move || committer.run())
            .map_err(|source| OpenError::Io { doing: "start committer of", path: dir.to_owned(), source })?;
        Ok(Self { store, watches, requests: Some(requests), committer: Mutex::new(Some(committer)) })
    }
}

impl Engine for DiskEngine {
    fn view(&self) -> BoxFuture<'_, Result<Arc<dyn View>>> {
        // The version first: the snapshot may hold a later commit, which then at worst counts as a conflict.
        let version = self.store.version.load(Ordering::Acquire);
        let view = DiskView { version, snapshot: self.store.db.snapshot(), store: self.store.clone() };
        Box::pin(std::future::ready(Ok(Arc::new(view) as Arc<dyn View>)))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            let (reply, decided) = oneshot::channel();
            let requests = self.requests.as_ref().ok_or_else(stopped)?;
            requests.send(Request { commit, reply }).await.map_err(|_| stopped())?;
            decided.await.map_err(|_| stopped())?
        })
    }

    fn watches(&self) -> &Watches {
        &self.watches
    }
}

impl Drop for DiskEngine {
    fn drop(&mut self) {
        self.requests = None;
        let committer = self.committer.get_mut().ok().and_then(Option::take);
        // A panic of the committer was printed when it happened; there is no more to do about it here.
        let _ = committer.map(JoinHandle::join);
    }
}

/// The committer stops only when the engine is dropped, or by a bug.
fn stopped() -> Error {
    Error::engine("commit transaction", std::io::Error::other("the committer has stopped"))
}
