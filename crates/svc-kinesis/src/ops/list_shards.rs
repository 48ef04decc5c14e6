//! `ListShards`: a page of a stream's shards, all or those of a time.

use api_kinesis::{ListShardsInput, ListShardsOutput, ShardFilter, ShardFilterType};
use aws_wire::Result;
use env::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keys::{Id, StreamKey};
use crate::refusal::{invalid, no_stream};
use crate::shard::{self, Shard};
use crate::stream::{self, Stream, asked};
use crate::{Ctx, page};

const PAGE_MAX: usize = 1000;

/// Which shards are wanted; part of a page's token.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Wanted {
    All,
    Open,
    OpenAt(i64),
    KeptAt(i64),
}

/// Where a list goes on.
#[derive(Serialize, Deserialize)]
struct Rest {
    key: StreamKey,
    stream: Id,
    after: u32,
    wanted: Wanted,
}

impl Wanted {
    fn of(filter: Option<&ShardFilter>, stream: &Stream, now: Timestamp) -> Result<Self> {
        let Some(filter) = filter else { return Ok(Self::All) };
        let timed = matches!(filter.r#type, ShardFilterType::AtTimestamp | ShardFilterType::FromTimestamp);
        let named = filter.r#type == ShardFilterType::AfterShardId;
        if timed != filter.timestamp.is_some() || named != filter.shard_id.is_some() {
            return Err(invalid(format!(
                "ShardFilter of type {} must have {}.",
                filter.r#type.as_str(),
                match (timed, named) {
                    (true, _) => "a Timestamp and no ShardId",
                    (false, true) => "a ShardId and no Timestamp",
                    (false, false) => "neither ShardId nor Timestamp",
                }
            )));
        }
        let horizon_ms = stream.trim_horizon_ms(now);
        // What was before the horizon nobody can tell any more.
        let at_ms = filter.timestamp.map_or(0, Timestamp::as_millis).max(horizon_ms);
        if at_ms > now.as_millis() {
            return Err(invalid("The timestamp of a ShardFilter cannot be in the future."));
        }
        Ok(match filter.r#type {
            ShardFilterType::AfterShardId | ShardFilterType::FromTrimHorizon => Self::All,
            ShardFilterType::AtLatest => Self::Open,
            ShardFilterType::AtTrimHorizon => Self::OpenAt(horizon_ms),
            ShardFilterType::AtTimestamp => Self::OpenAt(at_ms),
            ShardFilterType::FromTimestamp => Self::KeptAt(at_ms),
        })
    }

    fn has(self, shard: &Shard) -> bool {
        match self {
            Self::All => true,
            Self::Open => shard.is_open(),
            Self::OpenAt(at_ms) => shard.was_open_at(at_ms),
            Self::KeptAt(at_ms) => shard.is_kept(at_ms),
        }
    }
}

pub(crate) async fn list_shards(cx: Ctx, input: ListShardsInput) -> Result<ListShardsOutput> {
    let (now, snapshot) = (cx.env.now(), cx.kv.snapshot().await?);
    let (named, after, wanted) = if let Some(token) = &input.next_token {
        if input.stream_name.is_some()
            || input.stream_creation_timestamp.is_some()
            || input.exclusive_start_shard_id.is_some()
        {
            return Err(invalid(
                "NextToken and StreamName, StreamCreationTimestamp or ExclusiveStartShardId cannot be provided together.",
            ));
        }
        stream::refuse_id("ListShards", input.stream_id.as_deref())?;
        let rest: Rest = page::read(now, token)?;
        let named = stream::named(&cx, &snapshot, rest.key, "ListShards")?;
        if named.stream.id != rest.stream {
            return Err(no_stream(&named.key));
        }
        (named, Some(rest.after), rest.wanted)
    } else {
        let named = asked!("ListShards", input).find(&cx, &snapshot)?;
        check_created(&named.key, &named.stream, input.stream_creation_timestamp)?;
        let filter = input.shard_filter.as_ref();
        let start = input.exclusive_start_shard_id.as_ref().or(filter.and_then(|f| f.shard_id.as_ref()));
        let after =
            start.map(|name| shard::number(name).ok_or_else(|| invalid("Invalid ExclusiveStartShardId.")));
        (named.clone(), after.transpose()?, Wanted::of(filter, &named.stream, now)?)
    };
    let (id, oldest_ms) = (named.stream.id, named.stream.oldest_ms(now));
    let mut shards = shard::all(&snapshot, id)?;
    shards.retain(|(number, shard)| {
        after.is_none_or(|after| *number > after) && shard.is_kept(oldest_ms) && wanted.has(shard)
    });
    let limit = page::length(input.max_results, PAGE_MAX);
    let more = shards.len() > limit;
    shards.truncate(limit);
    let last = shards.last().filter(|_| more);
    let next_token = last.map(|(number, _)| {
        page::token(now, Rest { key: named.key.clone(), stream: id, after: *number, wanted })
    });
    let shards = shards.iter().map(|(number, shard)| shard.shown(id, *number)).collect();
    Ok(ListShardsOutput { shards: Some(shards), next_token })
}

/// # Errors
/// `ResourceNotFoundException` when another stream of this name is meant.
pub(crate) fn check_created(key: &StreamKey, stream: &Stream, created: Option<Timestamp>) -> Result<()> {
    let same = created.is_none_or(|created| created.as_secs() == stream.created_ms.div_euclid(1000));
    if same { Ok(()) } else { Err(no_stream(key)) }
}
