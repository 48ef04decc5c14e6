//! Keeps how far a mapping has come in a shard.

use std::sync::{Arc, Mutex, PoisonError};

use service::Ctx;

use crate::kafka::Topic;
use crate::keys::{CHECKPOINTS, Checkpoint, ShardKey, Window};
use crate::progress::Progress;

/// One shard's checkpoint, kept for all who handle its records.
pub(crate) struct Keeper {
    cx: Ctx,
    key: ShardKey,
    /// The topic whose group keeps it, instead of the store.
    group: Option<Arc<Topic>>,
    progress: Mutex<Progress>,
    /// As it is stored; held while it is, so that it never goes back.
    stored: tokio::sync::Mutex<Checkpoint>,
}

impl Keeper {
    pub(crate) fn new(cx: Ctx, key: ShardKey, stored: Checkpoint, group: Option<Arc<Topic>>) -> Self {
        Self { cx, key, group, progress: Mutex::default(), stored: stored.into() }
    }

    /// A record that was read; its place.
    pub(crate) fn read(&self, sequence: &str) -> u64 {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).add(sequence)
    }

    /// Records that need nothing any more.
    pub(crate) async fn done(&self, places: impl IntoIterator<Item = u64>) {
        let mut stored = self.stored.lock().await;
        if let Some(after) = self.advance(places) {
            stored.after = Some(after);
            self.store(&stored).await;
        }
    }

    /// As [`Keeper::done`], with the window that they belong to as it is now.
    pub(crate) async fn done_in(&self, places: impl IntoIterator<Item = u64>, window: Option<Window>) {
        let mut stored = self.stored.lock().await;
        let after = self.advance(places);
        stored.after = after.or(stored.after.take());
        stored.window = window;
        self.store(&stored).await;
    }

    /// The shard is closed, and all of it was handled.
    pub(crate) async fn finish(&self) {
        let mut stored = self.stored.lock().await;
        stored.finished = true;
        self.store(&stored).await;
    }

    pub(crate) async fn window(&self) -> Option<Window> {
        self.stored.lock().await.window.clone()
    }

    fn advance(&self, places: impl IntoIterator<Item = u64>) -> Option<String> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).done(places)
    }

    async fn store(&self, checkpoint: &Checkpoint) {
        let stored = match &self.group {
            Some(topic) => topic.commit(&self.key.3, checkpoint).await.map_err(|error| error.to_string()),
            None => {
                let stored = self.cx.kv.transact(|tx| CHECKPOINTS.put(tx, &self.key, checkpoint)).await;
                stored.map_err(|error| error.to_string())
            }
        };
        if let Err(error) = stored {
            // After a restart these records are handled once more.
            tracing::error!(%error, poller = self.key.2, shard = self.key.3, "keep a checkpoint");
        }
    }
}
