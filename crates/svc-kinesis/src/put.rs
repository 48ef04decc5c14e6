//! Putting records: where each belongs, and how they are stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use api_kinesis::errors;
use aws_wire::{AwsError, Result};
use bytes::Bytes;
use kv::Tx;
use md5::{Digest as _, Md5};

use crate::Ctx;
use crate::keys::{CHUNKS, RECORDS, SHARDS, STREAMS, StreamKey};
use crate::lane::{Lane, Reserved};
use crate::record::{CHUNK_BYTES, Chunk, Record};
use crate::refusal::{invalid, no_stream, rate_exceeded};
use crate::sequence;
use crate::stream::{Named, Stream};

/// Data that one transaction stores; in Base64 and with keys it stays well below what the store takes.
const BATCH_BYTES: usize = 5 << 20;
/// How often a write looks for its shards again. In one process they never change under it.
const TRIES_MAX: usize = 3;

/// One record as it was asked to be put.
pub(crate) struct Request<'a> {
    pub key: Option<&'a str>,
    pub data: &'a Bytes,
    pub explicit_hash: Option<&'a str>,
}

/// A record that can be put.
#[derive(Clone)]
pub(crate) struct Draft {
    key: Option<String>,
    data: Bytes,
    hash: u128,
    /// Its number is to be above this.
    pub above: u64,
}

/// Where a record was put.
#[derive(Clone, Copy)]
pub(crate) struct Placed {
    pub shard: u32,
    pub number: u64,
}

/// Why a record was not put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The shard takes no more in this second.
    Throttled(u32),
    /// The stream is gone.
    Gone,
    /// A failure of ours, which is in the log.
    Failed,
}

impl Failure {
    pub(crate) fn error(self, key: &StreamKey) -> AwsError {
        match self {
            Self::Throttled(shard) => rate_exceeded(shard, key),
            Self::Gone => no_stream(key),
            Self::Failed => errors::internal_failure_exception("Internal service failure."),
        }
    }
}

/// Which shard a partition key leads to.
fn hash(key: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(key.as_bytes()).into())
}

impl Request<'_> {
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + self.key.map_or(0, str::len)
    }

    /// `path` is how an error names the record, such as `records.1.member.`; `chance` places it where the stream
    /// does that itself.
    ///
    /// # Errors
    /// 400 for what the stream does not take.
    pub(crate) fn check(&self, stream: &Stream, path: &str, chance: u128) -> Result<Draft> {
        let bytes_max = stream.record_bytes_max();
        if self.bytes() > bytes_max {
            return Err(AwsError::validation(format!(
                "1 validation error detected: Value at '{path}data' failed to satisfy constraint: Member must have length \
                 less than or equal to {bytes_max}"
            )));
        }
        let hash = match (stream.places_itself, self.explicit_hash, self.key) {
            (true, ..) => chance,
            (false, _, None) => {
                return Err(AwsError::validation(format!(
                    "1 validation error detected: Value null at '{path}partitionKey' failed to satisfy constraint: Member \
                     must not be null"
                )));
            }
            (false, Some(explicit), _) => explicit.parse().map_err(|_| {
                invalid(format!(
                    "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was \
                     {explicit}"
                ))
            })?,
            (false, None, Some(key)) => hash(key),
        };
        Ok(Draft { key: self.key.map(str::to_owned), data: self.data.clone(), hash, above: 0 })
    }
}

/// Randomness for records that the stream places itself.
pub(crate) fn chance(cx: &Ctx, stream: &Stream) -> u128 {
    let mut bytes = [0; 16];
    if stream.places_itself {
        cx.env.fill(&mut bytes);
    }
    u128::from_be_bytes(bytes)
}

/// The number that a record is to be above.
///
/// # Errors
/// 400 for what is no number of the stream's, or one that was never given.
pub(crate) fn above(cx: &Ctx, named: &Named, text: Option<&str>) -> Result<u64> {
    let Some(text) = text else { return Ok(0) };
    let now = u64::try_from(cx.env.now().as_micros()).unwrap_or(0);
    // A shard that is written to very fast runs ahead of the clock by a little.
    let latest = now.saturating_add(1_000_000);
    let sequence = sequence::read(text).filter(|sequence| sequence.is_of(named.stream.id));
    sequence.map(|sequence| sequence.number).filter(|number| *number <= latest).ok_or_else(|| {
        let (account, _, name) = &named.key;
        invalid(format!(
            "ExclusiveMinimumSequenceNumber {text} used in PutRecord on stream {name} under account {account} is invalid."
        ))
    })
}

/// Stores records, each or not at all, in their order; says of each where it is.
pub(crate) async fn store(cx: &Ctx, named: &Named, drafts: &[Draft]) -> Vec<Result<Placed, Failure>> {
    let lane = cx.state.lanes.of(named.stream.id);
    let mut placed = Vec::with_capacity(drafts.len());
    let mut rest = drafts;
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(batch_length(rest));
        rest = after;
        match store_batch(cx, &lane, named, batch).await {
            Ok(batch) => placed.extend(batch),
            Err(error) if error.code == "ResourceNotFoundException" => {
                placed.extend(batch.iter().map(|_| Err(Failure::Gone)));
            }
            Err(error) => {
                tracing::error!(%error, cause = ?error.cause, "put records");
                placed.extend(batch.iter().map(|_| Err(Failure::Failed)));
            }
        }
    }
    if placed.iter().any(Result::is_ok) {
        cx.arrived(&named.arn());
    }
    placed
}

/// How many of these one transaction takes; at least one.
fn batch_length(drafts: &[Draft]) -> usize {
    let mut bytes = 0;
    let fits = |draft: &&Draft| {
        bytes += draft.data.len().min(CHUNK_BYTES);
        bytes <= BATCH_BYTES
    };
    drafts.iter().take_while(fits).count().max(1)
}

async fn store_batch(
    cx: &Ctx,
    lane: &Arc<Lane>,
    named: &Named,
    drafts: &[Draft],
) -> Result<Vec<Result<Placed, Failure>>> {
    for _ in 0..TRIES_MAX {
        let gate = lane.gate.read().await;
        let routes = lane.routes(cx, named.stream.id).await?;
        let mut by_shard = BTreeMap::<u32, Vec<usize>>::new();
        let mut placed = Vec::with_capacity(drafts.len());
        for (position, draft) in drafts.iter().enumerate() {
            let shard = routes.shard(draft.hash).ok_or_else(|| no_stream(&named.key))?;
            let size = draft.data.len() + draft.key.as_ref().map_or(0, String::len);
            if cx.state.throttle.takes_write(cx, named, shard, size) {
                by_shard.entry(shard).or_default().push(position);
                placed.push(Ok(Placed { shard, number: 0 }));
            } else {
                placed.push(Err(Failure::Throttled(shard)));
            }
        }
        let mut reserved = Vec::with_capacity(by_shard.len());
        for (shard, positions) in &by_shard {
            let above = positions.iter().map(|position| drafts[*position].above).max().unwrap_or(0);
            let numbers = lane.reserve(cx, named.stream.id, *shard, positions.len(), above).await?;
            for (position, number) in positions.iter().zip(&numbers.numbers) {
                placed[*position] = Ok(Placed { shard: *shard, number: *number });
            }
            reserved.push(numbers);
        }
        if by_shard.is_empty() || write(cx, named, drafts, &placed, &reserved).await? {
            return Ok(placed);
        }
        drop(gate);
        lane.resharded();
    }
    Err(AwsError::internal("the shards of the stream change too fast"))
}

/// Stores what was placed; false when a shard is closed.
async fn write(
    cx: &Ctx,
    named: &Named,
    drafts: &[Draft],
    placed: &[Result<Placed, Failure>],
    reserved: &[Reserved],
) -> Result<bool> {
    let taken = drafts.iter().zip(placed).filter_map(|(draft, place)| Some((draft, *place.as_ref().ok()?)));
    for (draft, place) in taken.clone() {
        write_chunks(cx, named, draft, place).await?;
    }
    cx.kv
        .transact(|tx| {
            if !is_writable(tx, &named.key, &named.stream, reserved)? {
                return Ok(false);
            }
            for (draft, place) in taken.clone() {
                let chunks = draft.data.len().saturating_sub(1) / CHUNK_BYTES;
                let record = Record {
                    key: draft.key.clone(),
                    // The number tells the time, so a reader that begins at this time begins at this record.
                    at_ms: i64::try_from(place.number / 1000).unwrap_or(i64::MAX),
                    data: Chunk(draft.data.slice(..draft.data.len().min(CHUNK_BYTES))),
                    chunks: u16::try_from(chunks).expect("a record is bounded"),
                    size: draft.data.len() + draft.key.as_ref().map_or(0, String::len),
                };
                RECORDS.put(tx, &(named.stream.id, place.shard, place.number), &record)?;
            }
            Ok(true)
        })
        .await
}

/// Whether the stream is there and its shards are open. Only whoever changes those is a conflict.
fn is_writable(tx: &Tx, key: &StreamKey, stream: &Stream, reserved: &[Reserved]) -> Result<bool> {
    if STREAMS.get(tx, key)?.is_none_or(|present| present.id != stream.id) {
        return Err(no_stream(key));
    }
    for numbers in reserved {
        if SHARDS.get(tx, &(stream.id, numbers.shard))?.is_none_or(|shard| !shard.is_open()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Stores what does not fit into a large record's row, each piece on its own. If the record is never written, its
/// pieces go when its time is over.
async fn write_chunks(cx: &Ctx, named: &Named, draft: &Draft, place: Placed) -> Result<()> {
    for (position, start) in (CHUNK_BYTES..draft.data.len()).step_by(CHUNK_BYTES).enumerate() {
        let end = draft.data.len().min(start + CHUNK_BYTES);
        let chunk = Chunk(draft.data.slice(start..end));
        let position = u16::try_from(position).expect("a record is bounded");
        let key = (named.stream.id, place.shard, place.number, position);
        cx.kv.transact(|tx| CHUNKS.put(tx, &key, &chunk)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_keys_are_hashed_as_awss_are() {
        // MD5's own test suite has this digest.
        assert_eq!(hash("a"), 16_955_237_001_963_240_173_058_271_559_858_726_497);
    }

    #[test]
    fn batches_stay_below_what_a_transaction_takes() {
        let draft = |bytes: usize| Draft { key: None, data: vec![0; bytes].into(), hash: 0, above: 0 };
        assert_eq!(batch_length(&vec![draft(CHUNK_BYTES); 9]), 5);
        assert_eq!(batch_length(&[draft(10 * CHUNK_BYTES), draft(1)]), 2);
        assert_eq!(batch_length(&vec![draft(1); 500]), 500);
    }
}
