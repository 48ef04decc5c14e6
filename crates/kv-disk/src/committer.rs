//! The one thread that decides commits. Whatever waits when it is free becomes one durable write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use fjall::PersistMode;
use kv::{Commit, CommitError, Error, RecentWrites, Result, Watches};
use tokio::sync::{mpsc, oneshot};

use crate::Store;

/// Commits in one durable write.
const BATCH_COMMITS_MAX: usize = 512;
/// A batch takes no further commit once it holds this many bytes.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// Written keys that are remembered to find conflicts; a transaction that ran while more were written starts again.
const RECENT_KEYS_MAX: usize = 32_768;

pub(crate) struct Request {
    pub commit: Commit,
    pub reply: oneshot::Sender<Result<(), CommitError>>,
}

pub(crate) struct Committer {
    store: Arc<Store>,
    watches: Watches,
    waiting: mpsc::Receiver<Request>,
    recent: RecentWrites,
    /// The version of the last accepted commit.
    version: u64,
    /// Set by the first write that failed.
    failed: Option<Error>,
}

impl Committer {
    pub(crate) fn new(store: Arc<Store>, watches: Watches, waiting: mpsc::Receiver<Request>) -> Self {
        Self { store, watches, waiting, recent: RecentWrites::new(RECENT_KEYS_MAX), version: 0, failed: None }
    }

    /// Returns when the engine is dropped and every request is answered.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.waiting.blocking_recv() {
            let mut bytes = size(&first.commit);
            let mut batch = vec![first];
            while batch.len() < BATCH_COMMITS_MAX && bytes < BATCH_BYTES_MAX {
                let Ok(next) = self.waiting.try_recv() else { break };
                bytes += size(&next.commit);
                batch.push(next);
            }
            self.decide(batch);
        }
    }

    fn decide(&mut self, batch: Vec<Request>) {
        let mut writes = BTreeMap::new();
        let mut replies = Vec::with_capacity(batch.len());
        for Request { commit, reply } in batch {
            if self.recent.conflict(commit.version, &commit.reads) {
                replies.push((reply, false));
                continue;
            }
            self.version += 1;
            self.recent.record(self.version, commit.writes.iter().map(|(key, _)| key));
            // A later commit of the batch overwrites an earlier one: the engine wants each key once.
            writes.extend(commit.writes);
            replies.push((reply, true));
        }
        let written = self.write(writes);
        // Conflicts are told only now: what they conflicted with is in the views that the next attempts take.
        for (reply, accepted) in replies {
            let answer = match &written {
                Err(error) => Err(CommitError::Failed(error.clone())),
                Ok(()) if accepted => Ok(()),
                Ok(()) => Err(CommitError::Conflict),
            };
            // Whoever asked may have gone; the commit stands.
            let _ = reply.send(answer);
        }
    }

    fn write(&mut self, writes: BTreeMap<Bytes, Option<Bytes>>) -> Result<()> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        if writes.is_empty() {
            return Ok(());
        }
        let mut batch = self.store.db.batch().durability(Some(PersistMode::SyncData));
        for (key, value) in &writes {
            // Copied: bytes kept in memory until they are in a file must not hold on to a larger buffer.
            match value {
                Some(value) => batch.insert(&self.store.rows, &key[..], &value[..]),
                None => batch.remove(&self.store.rows, &key[..]),
            }
        }
        if let Err(error) = batch.commit() {
            let error = Error::engine("commit transaction", error);
            self.failed = Some(error.clone());
            return Err(error);
        }
        self.store.version.store(self.version, Ordering::Release);
        self.watches.wake(writes.keys().map(|key| &key[..]));
        Ok(())
    }
}

fn size(commit: &Commit) -> usize {
    commit.writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len)).sum()
}
