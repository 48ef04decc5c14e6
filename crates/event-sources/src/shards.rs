//! A stream's poller: one reader for each shard, parents before their children.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aws_wire::Result;
use env::Timestamp;
use kv::Span;
use tokio::task::JoinSet;

use crate::Polled;
use crate::kafka;
use crate::keys::{CHECKPOINTS, Checkpoint, FORMAT, ShardKey};
use crate::pause::Pause;
use crate::shard::{self, Reading};
use crate::source::{Position, Shard, Stream};
use crate::stop::Stop;

/// Shards begin when others end, which their readers see; this is for those that nobody read.
const LOOK_AGAIN: Duration = Duration::from_secs(300);
/// Nobody tells of a topic's new partitions, nor that its cluster is gone.
const LOOK_FOR_PARTITIONS: Duration = Duration::from_secs(10);

struct Shards {
    polled: Arc<Polled>,
    stream: Stream,
    stop: Stop,
    /// What is being read.
    readers: JoinSet<String>,
    reading: HashSet<String>,
}

/// Polls until the end is asked for, and then finishes what is under way.
pub(crate) async fn run(polled: Arc<Polled>, stream: Stream, stop: Stop) {
    let env = polled.cx.env.clone();
    let mut shards =
        Shards { polled, stream, stop: stop.clone(), readers: JoinSet::new(), reading: HashSet::new() };
    let mut pause = Pause::default();
    let look_again = if shards.stream.topic().is_some() { LOOK_FOR_PARTITIONS } else { LOOK_AGAIN };
    while !stop.is_requested() {
        let looked = tokio::select! {
            looked = shards.look() => looked,
            () = stop.requested() => break,
        };
        if let Err(error) = looked {
            tracing::warn!(%error, poller = shards.polled.id, "a stream can't be polled");
            if shards.stream.topic().is_some() {
                shards.polled.handler.reading(Some(kafka::problem(&error)));
            }
            pause.wait(&env, &stop).await;
            continue;
        }
        pause = Pause::default();
        shards.polled.handler.reading(None);
        tokio::select! {
            Some(ended) = shards.readers.join_next() => match ended {
                Ok(shard) => drop(shards.reading.remove(&shard)),
                Err(error) => tracing::error!(%error, "a shard's reader ended"),
            },
            () = env.sleep(look_again) => {}
            () = stop.requested() => {}
        }
    }
    while shards.readers.join_next().await.is_some() {}
}

impl Shards {
    fn key(&self, shard: &str) -> ShardKey {
        let caller = &self.polled.cx.caller;
        let id = self.polled.id.clone();
        (caller.account.to_string(), caller.region.to_string(), id, shard.to_owned())
    }

    /// Begins to read what can be read.
    async fn look(&mut self) -> Result<()> {
        let shards = self.stream.shards(&self.polled.cx).await?;
        let (known, fresh) = self.checkpoints(&shards).await?;
        let is_finished = |id: &String| known.get(id).is_some_and(|checkpoint| checkpoint.finished);
        let listed = shards.iter().map(|shard| &shard.id).collect::<HashSet<_>>();
        for shard in &shards {
            // Parents that are not listed any more are older than the stream keeps.
            let waits = shard.parents.iter().any(|parent| listed.contains(parent) && !is_finished(parent));
            if waits || is_finished(&shard.id) || !self.reading.insert(shard.id.clone()) {
                continue;
            }
            let checkpoint = known.get(&shard.id).cloned().unwrap_or_else(new);
            let reading = Reading {
                polled: Arc::clone(&self.polled),
                stream: self.stream.clone(),
                shard: shard.id.clone(),
                from: self.position(&checkpoint, fresh),
                since_ms: checkpoint.since_ms,
                stop: self.stop.clone(),
            };
            let key = self.key(&shard.id);
            let id = shard.id.clone();
            self.readers.spawn(async move {
                shard::run(reading, key, checkpoint).await;
                id
            });
        }
        self.forget(known.iter().filter(|(id, row)| row.finished && !listed.contains(id))).await
    }

    /// What is known of each shard, and whether that was nothing before: then the starting position counts.
    async fn checkpoints(&self, shards: &[Shard]) -> Result<(HashMap<String, Checkpoint>, bool)> {
        if let Stream::Kafka(topic) = &self.stream {
            let fresh = shards.iter().any(|shard| !self.reading.contains(&shard.id));
            let begun = !self.reading.is_empty();
            let known = match fresh {
                true => topic.checkpoints(shards, &self.polled.settings, begun).await?,
                false => HashMap::new(),
            };
            return Ok((known, false));
        }
        let (account, region, id, _) = self.key("");
        let span = Span::prefix(&(account, region, id));
        let rows = CHECKPOINTS.all(&self.polled.cx.kv.snapshot().await?, &span)?;
        if !rows.is_empty() {
            return Ok((rows.into_iter().map(|(key, row)| (key.3, row)).collect(), false));
        }
        let settings = &self.polled.settings;
        let latest = settings.starting_position.as_deref() == Some("LATEST");
        let since_ms = match settings.starting_at_us {
            Some(at_us) => Some(at_us / 1000),
            None => latest.then(|| self.polled.cx.env.now().as_millis()),
        };
        let first = |shard: &Shard| {
            let checkpoint = Checkpoint { since_ms, finished: latest && shard.closed, ..new() };
            (shard.id.clone(), checkpoint)
        };
        let first = shards.iter().map(first).collect::<HashMap<_, _>>();
        self.polled
            .cx
            .kv
            .transact(|tx| first.iter().try_for_each(|(id, row)| CHECKPOINTS.put(tx, &self.key(id), row)))
            .await?;
        Ok((first, latest))
    }

    /// `latest` when the mapping begins, and with what is new. Later what arrived since is looked for by its time, for an
    /// iterator that was lost with a crash can't be made again.
    fn position(&self, checkpoint: &Checkpoint, latest: bool) -> Position {
        match (&checkpoint.after, checkpoint.since_ms) {
            (Some(after), _) => Position::After(after.clone()),
            (None, _) if latest => Position::Latest,
            (None, Some(since_ms)) if self.stream.knows_times() => {
                Position::Since(Timestamp::from_millis(since_ms))
            }
            (None, _) => Position::TrimHorizon,
        }
    }

    /// Shards that the stream has forgotten.
    async fn forget(&self, gone: impl Iterator<Item = (&String, &Checkpoint)>) -> Result<()> {
        let gone = gone.map(|(id, _)| self.key(id)).collect::<Vec<_>>();
        if gone.is_empty() {
            return Ok(());
        }
        let forgotten =
            self.polled.cx.kv.transact(|tx| gone.iter().try_for_each(|key| CHECKPOINTS.delete(tx, key)));
        Ok(forgotten.await?)
    }
}

fn new() -> Checkpoint {
    Checkpoint { format: FORMAT, ..Checkpoint::default() }
}
