//! A lane: batches of a shard's records one after the other, in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::Polled;
use crate::batch;
use crate::checkpoint::Keeper;
use crate::handler::PAYLOAD_BYTES_MAX;
use crate::pause::sleep;
use crate::source::{Record, Stream};
use crate::stop::Stop;
use crate::window::{self, Frame};

const BATCH_DEFAULT: usize = 100;
/// What an event has beside its records, at most, without a window's state.
const EVENT_BYTES: usize = 1024;

/// A record and its place in the shard's progress.
pub(crate) struct Entry {
    pub record: Record,
    pub place: u64,
}

/// What the lanes of a shard have in common.
pub(crate) struct Shared {
    pub polled: Arc<Polled>,
    pub stream: Stream,
    pub shard: String,
    /// What an event has before its records.
    pub opening: String,
    pub keeper: Keeper,
    pub stop: Stop,
}

/// What a lane waited for.
pub(crate) enum Waited {
    Records,
    TimeOver,
    /// No more will come.
    Ended,
    Stopped,
}

pub(crate) struct Lane {
    pub shared: Arc<Shared>,
    input: mpsc::Receiver<Vec<Entry>>,
    waiting: VecDeque<Entry>,
}

impl Lane {
    pub(crate) fn new(shared: Arc<Shared>, input: mpsc::Receiver<Vec<Entry>>) -> Self {
        Self { shared, input, waiting: VecDeque::new() }
    }

    /// Whether everything was handled.
    pub(crate) async fn run(mut self) -> bool {
        let settings = &self.shared.polled.settings;
        if let Some(length_s) = settings.tumbling_window_s.filter(|length| *length > 0) {
            return window::run(self, length_s.into()).await;
        }
        loop {
            match self.wait(None).await {
                Waited::Ended => return true,
                Waited::Stopped | Waited::TimeOver => return false,
                Waited::Records => {}
            }
            let batch = self.gather(0, |_| true).await;
            if !batch::handle(&self.shared, batch, &mut Frame::None).await {
                return false;
            }
        }
    }

    /// Waits until there are records, at most until `deadline` on the clock that never goes back.
    pub(crate) async fn wait(&mut self, deadline: Option<Duration>) -> Waited {
        if self.shared.stop.is_requested() {
            return Waited::Stopped;
        }
        if !self.waiting.is_empty() {
            return Waited::Records;
        }
        let env = &self.shared.polled.cx.env;
        let left = deadline.map(|deadline| deadline.saturating_sub(env.monotonic()));
        tokio::select! {
            biased;
            () = self.shared.stop.requested() => Waited::Stopped,
            page = self.input.recv() => match page {
                Some(page) => {
                    self.waiting.extend(page);
                    Waited::Records
                }
                None => Waited::Ended,
            },
            () = sleep(env, left) => Waited::TimeOver,
        }
    }

    /// The first record that waits.
    pub(crate) fn first(&self) -> Option<&Record> {
        self.waiting.front().map(|entry| &entry.record)
    }

    /// Waits for a batch to fill as long as its window is open; of records for which `fits` holds, with room for
    /// `reserved` bytes of something else.
    pub(crate) async fn gather(&mut self, reserved: usize, fits: impl Fn(&Record) -> bool) -> Vec<Entry> {
        let settings = &self.shared.polled.settings;
        let most = settings.batch_size.and_then(|size| usize::try_from(size).ok()).unwrap_or(BATCH_DEFAULT);
        let window =
            settings.batching_window_s.map(|window_s| Duration::from_secs(window_s.unsigned_abs().into()));
        let window = window.unwrap_or(self.shared.stream.window());
        let deadline = self.shared.polled.cx.env.monotonic() + window;
        let (mut batch, mut bytes) = (Vec::new(), EVENT_BYTES + self.shared.opening.len() + reserved);
        loop {
            while let Some(entry) = self.waiting.front() {
                bytes += entry.record.event.len() + 1;
                let full = batch.len() >= most || bytes > PAYLOAD_BYTES_MAX;
                if (full || !fits(&entry.record)) && !batch.is_empty() {
                    return batch;
                }
                batch.extend(self.waiting.pop_front());
            }
            if batch.len() >= most || window.is_zero() {
                return batch;
            }
            match self.wait(Some(deadline)).await {
                Waited::Records => {}
                Waited::TimeOver | Waited::Ended | Waited::Stopped => return batch,
            }
        }
    }
}
