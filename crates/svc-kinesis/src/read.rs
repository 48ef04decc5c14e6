//! Reading a shard: what lies from a place on, as far as everything before it is decided.

use api_kinesis::{ShardIteratorType, errors};
use aws_wire::Result;
use bytes::BytesMut;
use env::Timestamp;
use kv::{Direction, Read, Span};

use crate::keys::{CHUNKS, Id, RECORDS, SHARDS};
use crate::record::Record;
use crate::refusal::{invalid, no_shard};
use crate::stream::Named;
use crate::{Ctx, sequence, shard, stream};

/// Rows taken from the store first; after that as many as what was seen of their size allows.
const PAGE_FIRST: usize = 8;
const PAGE_MAX: usize = 1000;

/// What was read.
pub(crate) struct Page {
    pub records: Vec<api_kinesis::Record>,
    /// Bytes of data and partition keys.
    pub bytes: usize,
    /// The first number that was not looked at.
    pub next: u64,
    /// How far behind the newest record, in milliseconds.
    pub behind_ms: i64,
    /// Whether the shard is closed and nothing is left in it.
    pub over: bool,
}

/// Reads at most `limit` records and `bytes_max` bytes; one record may be larger.
///
/// # Errors
/// `ResourceNotFoundException` when stream or shard are gone.
pub(crate) async fn page(
    cx: &Ctx,
    named: &Named,
    number: u32,
    from: u64,
    limit: usize,
    bytes_max: usize,
) -> Result<Page> {
    let id = named.stream.id;
    let lane = cx.state.lanes.of(id);
    // Asked before the store is read: all below it is in the snapshot that follows, or never comes.
    let decided = lane.decided_below(cx, id, number).await?;
    let snapshot = cx.kv.snapshot().await?;
    let stream = stream::unchecked(&snapshot, &named.key)?;
    let shard = SHARDS.get(&snapshot, &(id, number))?;
    let shard = shard.ok_or_else(|| no_shard(&shard::name(number), &named.key))?;
    // A closed shard has no number open.
    let end = shard.closed.map_or(decided, |closed| closed.last.saturating_add(1));
    let (now, oldest_ms) = (cx.env.now(), stream.oldest_ms(cx.env.now()));
    let mut page = Page { records: Vec::new(), bytes: 0, next: from, behind_ms: 0, over: false };
    let mut start = from.max(lane.trimmed(number)).max(micros(oldest_ms));
    let (mut rows_max, mut last_ms, mut full) = (PAGE_FIRST, None, false);
    while !full {
        let span = Span::prefix(&(id, number)).from(&(id, number, start)).before(&(id, number, end));
        let rows = RECORDS.scan(&snapshot, &span, rows_max, Direction::Forward)?;
        let more = rows.len() == rows_max;
        for ((.., at), record) in rows {
            let wanted = record.at_ms >= oldest_ms;
            if wanted
                && (page.records.len() == limit
                    || !page.records.is_empty() && page.bytes + record.size > bytes_max)
            {
                full = true;
                break;
            }
            start = at + 1;
            if wanted {
                page.bytes += record.size;
                last_ms = Some(record.at_ms);
                page.records.push(shown(&snapshot, id, number, at, record)?);
            }
        }
        if !more {
            break;
        }
        let average = page.bytes.checked_div(page.records.len()).unwrap_or(0).max(1);
        rows_max = (bytes_max.saturating_sub(page.bytes) / average).clamp(PAGE_FIRST, PAGE_MAX);
        tokio::task::yield_now().await;
    }
    page.next = if full { start } else { start.max(end) };
    page.over = !full && shard.closed.is_some();
    if full {
        page.behind_ms = last_ms.map_or(0, |last_ms| (now.as_millis() - last_ms).max(0));
    }
    Ok(page)
}

fn micros(ms: i64) -> u64 {
    u64::try_from(ms.saturating_mul(1000)).unwrap_or(0)
}

fn shown(
    reader: &impl Read,
    stream: Id,
    shard: u32,
    number: u64,
    record: Record,
) -> Result<api_kinesis::Record> {
    let data = if record.chunks == 0 {
        record.data.0
    } else {
        let mut data = BytesMut::with_capacity(record.size);
        data.extend_from_slice(&record.data.0);
        for (_, chunk) in CHUNKS.all(reader, &Span::prefix(&(stream, shard, number)))? {
            data.extend_from_slice(&chunk.0);
        }
        data.freeze()
    };
    Ok(api_kinesis::Record {
        sequence_number: sequence::shown(stream, shard, number),
        approximate_arrival_timestamp: Some(Timestamp::from_millis(record.at_ms)),
        data,
        partition_key: record.key,
        encryption_type: None,
    })
}

/// Where a reader wants to begin.
pub(crate) struct Position<'a> {
    pub kind: ShardIteratorType,
    pub sequence_number: Option<&'a str>,
    pub timestamp: Option<Timestamp>,
    /// How an error names the operation.
    pub operation: &'static str,
}

impl Position<'_> {
    /// The first number that is wanted of a shard, whose name the client gave.
    ///
    /// # Errors
    /// `ResourceNotFoundException` without the shard, `InvalidArgumentException` for what is no place in it.
    pub(crate) async fn find(&self, cx: &Ctx, named: &Named, shard_name: &str) -> Result<(u32, u64)> {
        let id = named.stream.id;
        let missing = || no_shard(shard_name, &named.key);
        let number = shard::number(shard_name).ok_or_else(missing)?;
        let shard = SHARDS.get(&cx.kv.snapshot().await?, &(id, number))?;
        let oldest_ms = named.stream.oldest_ms(cx.env.now());
        let shard = shard.filter(|shard| shard.is_kept(oldest_ms)).ok_or_else(missing)?;
        self.check_members()?;
        let from = match self.kind {
            ShardIteratorType::TrimHorizon => shard.first.max(micros(oldest_ms)),
            ShardIteratorType::Latest => match shard.closed {
                Some(closed) => closed.last.saturating_add(1),
                None => cx.state.lanes.of(id).last(cx, id, number).await? + 1,
            },
            ShardIteratorType::AtSequenceNumber => self.number(named, number)?,
            ShardIteratorType::AfterSequenceNumber => self.number(named, number)?.saturating_add(1),
            ShardIteratorType::AtTimestamp => {
                let at = self.timestamp.unwrap_or(Timestamp::from_millis(0));
                let now_ms = cx.env.now().as_millis();
                if at.as_millis() > now_ms {
                    return Err(invalid(format!(
                        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. \
                         timestampInMillis: {}, currentTimestampInMillis: {now_ms}",
                        at.as_millis()
                    )));
                }
                u64::try_from(at.as_micros()).unwrap_or(0)
            }
        };
        Ok((number, from))
    }

    /// Each kind of position wants its own member, and no other.
    fn check_members(&self) -> Result<()> {
        let kind = self.kind.as_str();
        let numbered =
            matches!(self.kind, ShardIteratorType::AtSequenceNumber | ShardIteratorType::AfterSequenceNumber);
        if numbered != self.sequence_number.is_some() {
            let has = if numbered { "no" } else { "also a" };
            return Err(invalid(format!(
                "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
                 TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and {has} \
                 StartingSequenceNumber."
            )));
        }
        let timed = self.kind == ShardIteratorType::AtTimestamp;
        match self.timestamp {
            None if timed => Err(invalid(
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
                 timestamp parameter.",
            )),
            Some(_) if !timed => Err(invalid(format!(
                "Must not specify a timestamp for iterators of types other than AT_TIMESTAMP. Request specified {kind}."
            ))),
            _ => Ok(()),
        }
    }

    fn number(&self, named: &Named, shard: u32) -> Result<u64> {
        let text = self.sequence_number.unwrap_or_default();
        let (account, _, name) = &named.key;
        let wrong = |why: &str| {
            invalid(format!(
                "StartingSequenceNumber {text} used in {} on shard {} in stream {name} under account {account} is \
                 invalid{why}.",
                self.operation,
                shard::name(shard)
            ))
        };
        let sequence = sequence::read(text).ok_or_else(|| wrong(""))?;
        if !sequence.is_of(named.stream.id) {
            return Err(wrong(" because it did not come from this stream"));
        }
        if sequence.shard != shard {
            return Err(invalid(format!(
                "Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a shard with {}",
                shard::name(sequence.shard),
                shard::name(shard)
            )));
        }
        Ok(sequence.number)
    }
}

/// # Errors
/// `ExpiredIteratorException` for an iterator that is older than five minutes.
pub(crate) fn check_age(made_ms: i64, now: Timestamp) -> Result<()> {
    const KEPT_MS: i64 = 300_000;
    if now.as_millis() - made_ms <= KEPT_MS {
        return Ok(());
    }
    let format = time::macros::format_description!(
        "[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] UTC [year]"
    );
    let shown = |ms: i64| {
        let at =
            time::OffsetDateTime::from_unix_timestamp(ms / 1000).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        at.format(&format).unwrap_or_default()
    };
    Err(errors::expired_iterator_exception(format!(
        "Iterator expired. The iterator was created at time {} while right now it is {} which is further in the future \
         than the tolerated delay of {KEPT_MS} milliseconds.",
        shown(made_ms),
        shown(now.as_millis())
    )))
}
