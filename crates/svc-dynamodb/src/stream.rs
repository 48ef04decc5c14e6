//! A table's stream: how it begins and ends, its one shard, its iterators.

use api_dynamodb::StreamSpecification;
use api_dynamodbstreams::errors;
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use env::Timestamp;
use kv::{Read, Tx};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::keys::{Id, STREAMS, StreamKey, StreamRecord};
use crate::table::{StreamSetting, TableRecord};
use crate::value::wrong;

/// How long records are kept.
pub(crate) const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// How long an iterator is good for.
pub(crate) const ITERATOR_MS: i64 = 15 * 60 * 1000;
/// What sequence numbers begin with, so that all are of one length and sort as texts too.
const NUMBER_BASE: u128 = 100_000_000_000_000_000_000;

/// Checks a specification; the view, when the stream is to be enabled.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn check(specification: &StreamSpecification) -> Result<Option<String>> {
    match (specification.stream_enabled, specification.stream_view_type) {
        (true, Some(view)) => Ok(Some(view.as_str().to_owned())),
        (true, None) => Err(wrong("StreamViewType is required when StreamEnabled is true")),
        (false, Some(_)) => Err(wrong("Table stream view type cannot be specified when stream is disabled")),
        (false, None) => Ok(None),
    }
}

/// Begins a stream of `table`.
pub(crate) fn begin(tx: &mut Tx, table: &mut TableRecord, view: &str, now: Timestamp, id: Id) -> Result<()> {
    let label = aws_wire::timestamp::iso8601(Timestamp::from_millis(now.as_millis()));
    let label = label.trim_end_matches('Z').to_owned();
    let label = if label.contains('.') { label } else { format!("{label}.000") };
    let record = StreamRecord {
        id,
        view: view.to_owned(),
        created_ms: now.as_millis(),
        closed: None,
        keys: table.schema.parts().map(|part| part.name.clone()).collect(),
        shard: format!(
            "shardId-{:020}-{:08x}",
            now.as_millis(),
            u32::from_be_bytes([id[0], id[1], id[2], id[3]])
        ),
    };
    STREAMS.put(tx, &key(table, &label), &record)?;
    table.stream = Some(StreamSetting { id, label, view: view.to_owned(), enabled: true });
    Ok(())
}

/// Ends the stream that `table` writes to, whose last number can be `last`.
pub(crate) fn end(tx: &mut Tx, table: &mut TableRecord, now: Timestamp, last: u64) -> Result<()> {
    let Some(setting) = table.stream.as_mut().filter(|setting| setting.enabled) else { return Ok(()) };
    setting.enabled = false;
    let label = setting.label.clone();
    let key = key(table, &label);
    if let Some(mut record) = STREAMS.get(tx, &key)? {
        record.closed = Some((now.as_millis(), last));
        STREAMS.put(tx, &key, &record)?;
    }
    Ok(())
}

fn key(table: &TableRecord, label: &str) -> StreamKey {
    (table.account.clone(), table.region.clone(), table.name.clone(), label.to_owned())
}

/// The key of a stream of the caller's from its ARN.
pub(crate) fn key_of(cx: &Ctx, arn: &str) -> Result<StreamKey> {
    let prefix = format!("arn:aws:dynamodb:{}:{}:table/", cx.caller.region, cx.caller.account);
    let named = arn.strip_prefix(&prefix).and_then(|rest| rest.split_once("/stream/"));
    let (table, label) = named.ok_or_else(|| not_found(arn))?;
    Ok((cx.caller.account.to_string(), cx.caller.region.to_string(), table.to_owned(), label.to_owned()))
}

pub(crate) fn arn(key: &StreamKey) -> String {
    format!("arn:aws:dynamodb:{}:{}:table/{}/stream/{}", key.1, key.0, key.2, key.3)
}

fn not_found(arn: &str) -> AwsError {
    errors::resource_not_found_exception(format!("Requested resource not found: Stream: {arn} not found"))
}

/// # Errors
/// `ResourceNotFoundException`.
pub(crate) fn find(reader: &impl Read, key: &StreamKey) -> Result<StreamRecord> {
    STREAMS.get(reader, key)?.ok_or_else(|| not_found(&arn(key)))
}

/// A number as clients see it.
pub(crate) fn shown(number: u64) -> String {
    (NUMBER_BASE + u128::from(number)).to_string()
}

/// A number as clients give it.
pub(crate) fn number(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<u128>().ok()?.checked_sub(NUMBER_BASE)?).ok()
}

/// Where a reader of a shard is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Iterator {
    pub stream: String,
    /// The first number that is wanted.
    pub from: u64,
    pub made_ms: i64,
    /// Whether what it wants must still be there.
    pub exact: bool,
}

impl Iterator {
    pub(crate) fn encode(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        format!("{}|1|{}", self.stream, BASE64.encode(json))
    }

    /// # Errors
    /// `ValidationException` for what is no iterator.
    pub(crate) fn decode(text: &str) -> Result<Self> {
        let invalid = || AwsError::validation("Invalid ShardIterator");
        let (_, encoded) = text.rsplit_once('|').ok_or_else(invalid)?;
        let json = BASE64.decode(encoded).map_err(|_| invalid())?;
        serde_json::from_slice(&json).map_err(|_| invalid())
    }
}
