//! One shard's reader: reads ahead of the lanes that handle its records, as far as they have room.

use std::sync::Arc;
use std::time::Duration;

use aws_wire::Result;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::Polled;
use crate::checkpoint::Keeper;
use crate::keys::{Checkpoint, ShardKey};
use crate::lane::{Entry, Lane, Shared};
use crate::pause::Pause;
use crate::source::{Cursor, Page, Position, Record, Stream};
use crate::stop::Stop;

/// Pages that wait for a lane.
const PAGES_WAITING_MAX: usize = 2;
/// News come when something arrives; this is for what nobody told of, such as the end of a table's stream, and so that an
/// iterator is used before it expires, which Kinesis's do after five minutes.
const LOOK_AGAIN: Duration = Duration::from_secs(240);

/// What is read, and from where.
pub(crate) struct Reading {
    pub polled: Arc<Polled>,
    pub stream: Stream,
    pub shard: String,
    pub from: Position,
    /// Records that arrived before do not count.
    pub since_ms: Option<i64>,
    pub stop: Stop,
}

/// Reads until the shard's end, or until the end is asked for; returns when the lanes are done.
pub(crate) async fn run(reading: Reading, key: ShardKey, checkpoint: Checkpoint) {
    let settings = &reading.polled.settings;
    let lanes = settings.parallelization_factor.and_then(|factor| usize::try_from(factor).ok()).unwrap_or(1);
    let group = reading.stream.topic().map(Arc::clone);
    let keeper = Keeper::new(reading.polled.cx.clone(), key, checkpoint, group);
    let shared = Arc::new(Shared {
        polled: Arc::clone(&reading.polled),
        stream: reading.stream.clone(),
        opening: reading.stream.opening(&reading.shard),
        shard: reading.shard.clone(),
        keeper,
        stop: reading.stop.clone(),
    });
    let (mut inputs, mut handling) = (Vec::new(), JoinSet::new());
    for _ in 0..lanes.max(1) {
        let (input, entries) = mpsc::channel(PAGES_WAITING_MAX);
        inputs.push(input);
        handling.spawn(Lane::new(Arc::clone(&shared), entries).run());
    }
    let over = read(reading, &shared.keeper, &inputs).await;
    drop(inputs);
    let mut handled = true;
    while let Some(ended) = handling.join_next().await {
        handled &= ended.unwrap_or(false);
    }
    if over && handled {
        shared.keeper.finish().await;
    }
}

/// Whether the shard is over.
async fn read(mut reading: Reading, keeper: &Keeper, lanes: &[mpsc::Sender<Vec<Entry>>]) -> bool {
    let env = reading.polled.cx.env.clone();
    let stop = reading.stop.clone();
    let mut news = reading.polled.cx.arrivals(reading.stream.arn());
    let (mut cursor, mut pause) = (None, Pause::default());
    while !stop.is_requested() {
        let page = tokio::select! {
            page = reading.page(cursor.take()) => page,
            () = stop.requested() => return false,
        };
        let page = match page {
            Ok(page) => page,
            // It waited for the function for too long.
            Err(error) if error.code == "ExpiredIteratorException" => continue,
            Err(error) => {
                tracing::warn!(%error, shard = reading.shard, "a shard can't be read");
                pause.wait(&env, &stop).await;
                continue;
            }
        };
        pause = Pause::default();
        // Subscriptions and consumers have waited themselves.
        let waits = page.records.is_empty() && matches!(page.next, Some(Cursor::Iterator(_)));
        tokio::select! {
            () = reading.distribute(page.records, keeper, lanes) => {}
            () = stop.requested() => return false,
        }
        if page.over {
            return true;
        }
        if let Some(seen) = page.seen {
            reading.from = Position::After(seen);
        }
        cursor = page.next;
        if waits {
            tokio::select! {
                () = news.next() => {}
                () = env.sleep(LOOK_AGAIN) => {}
                () = stop.requested() => {}
            }
        }
    }
    false
}

impl Reading {
    async fn page(&self, cursor: Option<Cursor>) -> Result<Page> {
        let cursor = match cursor {
            Some(cursor) => cursor,
            None => self.stream.cursor(&self.polled.cx, &self.shard, &self.from).await?,
        };
        self.stream.records(&self.polled, &self.shard, cursor).await
    }

    /// Gives each lane its records; those of one key are always the same lane's.
    async fn distribute(
        &mut self,
        records: Vec<Record>,
        keeper: &Keeper,
        lanes: &[mpsc::Sender<Vec<Entry>>],
    ) {
        let mut shares = lanes.iter().map(|_| Vec::new()).collect::<Vec<_>>();
        let mut unwanted = Vec::new();
        if let Some(last) = records.last() {
            self.from = Position::After(last.sequence.clone());
        }
        for record in records {
            let place = keeper.read(&record.sequence);
            // Arrival times of some streams are whole seconds.
            let too_early = self.since_ms.is_some_and(|since_ms| record.arrived.as_secs() < since_ms / 1000);
            if too_early || !record.wanted {
                unwanted.push(place);
                continue;
            }
            let lane = usize::try_from(record.key % lanes.len() as u64).expect("there are few lanes");
            shares[lane].push(Entry { record, place });
        }
        if !unwanted.is_empty() {
            keeper.done(unwanted).await;
        }
        for (lane, share) in lanes.iter().zip(shares) {
            if !share.is_empty() {
                // A lane that ended does so because the end was asked for.
                let _ = lane.send(share).await;
            }
        }
    }
}
