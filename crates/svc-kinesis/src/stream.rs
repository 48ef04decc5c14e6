//! A stream: its record, and how requests name it.

use std::collections::BTreeMap;

use api_kinesis::{RecordDistributionStrategy, StreamMode, StreamModeDetails};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::keys::{Id, STREAMS, StreamKey};
use crate::refusal::{invalid, no_stream};
use crate::{Ctx, policy};

/// AWS's quotas of an account in its largest regions.
pub(crate) const SHARDS_MAX: u32 = 20_000;
pub(crate) const ON_DEMAND_STREAMS_MAX: usize = 50;
/// Shards that a stream on demand begins with.
pub(crate) const ON_DEMAND_SHARDS: u32 = 4;
pub(crate) const RETENTION_HOURS_MIN: i32 = 24;
pub(crate) const RETENTION_HOURS_MAX: i32 = 8760;
pub(crate) const RECORD_KIB_DEFAULT: i32 = 1024;
const TAGS_MAX: usize = 50;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Mode {
    Provisioned,
    OnDemand,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub id: Id,
    pub created_ms: i64,
    pub mode: Mode,
    pub retention_hours: i32,
    /// What arrived before this stays gone, also when the retention period grows.
    #[serde(default)]
    pub horizon_ms: i64,
    pub record_kib_max: i32,
    /// Whether records are placed by chance instead of by their partition keys.
    #[serde(default)]
    pub places_itself: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The resource policy, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The number of the next shard.
    pub next_shard: u32,
    pub open_shards: u32,
    /// When `UpdateShardCount` was used, within a day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scaled_ms: Vec<i64>,
    /// When the mode was changed, within a day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switched_ms: Vec<i64>,
}

impl Stream {
    /// The time before which records are gone.
    pub(crate) fn oldest_ms(&self, now: Timestamp) -> i64 {
        self.horizon_ms.max(now.as_millis() - i64::from(self.retention_hours) * 3_600_000)
    }

    /// Where `TRIM_HORIZON` lies; a stream younger than its retention period has it at its beginning.
    pub(crate) fn trim_horizon_ms(&self, now: Timestamp) -> i64 {
        self.oldest_ms(now).max(self.created_ms)
    }

    pub(crate) fn is_on_demand(&self) -> bool {
        self.mode == Mode::OnDemand
    }

    pub(crate) fn record_bytes_max(&self) -> usize {
        usize::try_from(self.record_kib_max).unwrap_or(0) * 1024
    }

    pub(crate) fn mode_details(&self) -> StreamModeDetails {
        let stream_mode = if self.is_on_demand() { StreamMode::OnDemand } else { StreamMode::Provisioned };
        StreamModeDetails { stream_mode }
    }

    /// Only streams on demand have one.
    pub(crate) fn distribution(&self) -> Option<RecordDistributionStrategy> {
        let strategy = if self.places_itself {
            RecordDistributionStrategy::Auto
        } else {
            RecordDistributionStrategy::UserPartitionKey
        };
        self.is_on_demand().then_some(strategy)
    }
}

/// A stream and its key.
#[derive(Clone)]
pub(crate) struct Named {
    pub key: StreamKey,
    pub stream: Stream,
}

impl Named {
    pub(crate) fn arn(&self) -> String {
        arn(&self.key)
    }
}

pub(crate) fn arn((account, region, name): &StreamKey) -> String {
    format!("arn:aws:kinesis:{region}:{account}:stream/{name}")
}

pub(crate) fn key_of_arn(arn: &str) -> Option<StreamKey> {
    let mut parts = arn.strip_prefix("arn:aws:kinesis:")?.splitn(3, ':');
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("stream/")?;
    let letter = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'.' | b'-');
    let whole = (1..=128).contains(&name.len()) && name.bytes().all(letter);
    whole.then(|| (account.to_owned(), region.to_owned(), name.to_owned()))
}

/// How a request names a stream.
pub(crate) struct Asked<'a> {
    pub operation: &'static str,
    pub name: Option<&'a str>,
    pub arn: Option<&'a str>,
    /// AWS's model says of it: not implemented.
    pub id: Option<&'a str>,
}

/// [`Asked`] of an input that has all three ways to name a stream.
macro_rules! asked {
    ($operation:literal, $input:expr) => {
        crate::stream::Asked {
            operation: $operation,
            name: $input.stream_name.as_deref(),
            arn: $input.stream_arn.as_deref(),
            id: $input.stream_id.as_deref(),
        }
    };
}
pub(crate) use asked;

impl Asked<'_> {
    /// # Errors
    /// 400 when it names none, or two; 501 for an id.
    pub(crate) fn key(&self, cx: &Ctx) -> Result<StreamKey> {
        refuse_id(self.operation, self.id)?;
        let own = |name: &str| (cx.caller.account.to_string(), cx.caller.region.to_string(), name.to_owned());
        match (self.name, self.arn) {
            (None, None) => Err(invalid("Either StreamName or StreamARN must be specified.")),
            (Some(name), None) => Ok(own(name)),
            (name, Some(arn)) => {
                let key = key_of_arn(arn).ok_or_else(|| invalid(format!("Invalid StreamARN: {arn}")))?;
                if name.is_some_and(|name| name != key.2) {
                    return Err(invalid("StreamName and StreamARN name different streams."));
                }
                Ok(key)
            }
        }
    }

    /// The stream, if the caller may do the operation with it.
    ///
    /// # Errors
    /// As [`Asked::key`]; `ResourceNotFoundException` without it, `AccessDeniedException` for another account's.
    pub(crate) fn find(&self, cx: &Ctx, reader: &impl Read) -> Result<Named> {
        named(cx, reader, self.key(cx)?, self.operation)
    }
}

/// # Errors
/// 501 for a parameter that AWS's model has and AWS does not serve.
pub(crate) fn refuse_id(operation: &str, id: Option<&str>) -> Result<()> {
    match id {
        Some(_) => Err(AwsError::parameter_not_implemented(operation, "StreamId")),
        None => Ok(()),
    }
}

/// # Errors
/// `ResourceNotFoundException` without it, `AccessDeniedException` for another account's.
pub(crate) fn named(cx: &Ctx, reader: &impl Read, key: StreamKey, action: &str) -> Result<Named> {
    let stream = unchecked(reader, &key)?;
    policy::check(cx, &key.0, &arn(&key), stream.policy.as_deref(), action)?;
    Ok(Named { key, stream })
}

/// # Errors
/// `ResourceNotFoundException`.
pub(crate) fn unchecked(reader: &impl Read, key: &StreamKey) -> Result<Stream> {
    STREAMS.get(reader, key)?.ok_or_else(|| no_stream(key))
}

/// Changes a stream's record.
///
/// # Errors
/// As [`Asked::find`], and what `change` refuses.
pub(crate) async fn change(
    cx: &Ctx,
    asked: Asked<'_>,
    change: impl Fn(&StreamKey, &mut Stream) -> Result<()>,
) -> Result<Named> {
    cx.kv
        .transact(|tx| {
            let mut named = asked.find(cx, tx)?;
            change(&named.key, &mut named.stream)?;
            STREAMS.put(tx, &named.key, &named.stream)?;
            Ok::<_, AwsError>(named)
        })
        .await
}

/// What an account has in a region.
pub(crate) struct Totals {
    pub open_shards: u32,
    pub on_demand: usize,
}

/// # Errors
/// Those of the store.
pub(crate) fn totals(reader: &impl Read, account: &str, region: &str) -> Result<Totals> {
    let rows = STREAMS.all(reader, &Span::prefix(&(account, region)))?;
    let open = rows.iter().map(|(_, stream)| stream.open_shards).sum();
    let on_demand = rows.iter().filter(|(_, stream)| stream.is_on_demand()).count();
    Ok(Totals { open_shards: open, on_demand })
}

/// # Errors
/// `LimitExceededException` when the account may not have so many more shards.
pub(crate) fn check_shards(tx: &Tx, (account, region, _): &StreamKey, more: u32) -> Result<()> {
    let open = totals(tx, account, region)?.open_shards;
    if open.saturating_add(more) <= SHARDS_MAX {
        return Ok(());
    }
    Err(api_kinesis::errors::limit_exceeded_exception(format!(
        "This request would exceed the shard limit for the account {account} in {region}. Current shard count for the \
         account: {open}. Limit: {SHARDS_MAX}. Number of additional shards that would have resulted from this request: \
         {more}. Refer to the AWS Service Limits page \
         (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request \
         higher limits."
    )))
}

/// Adds tags of a request to those that are there.
///
/// # Errors
/// 400 for more than fifty, and for keys that are AWS's own.
pub(crate) fn add_tags(tags: &mut BTreeMap<String, String>, more: &BTreeMap<String, String>) -> Result<()> {
    let letter =
        |letter: char| letter.is_alphanumeric() || letter.is_whitespace() || "_./=+-@:".contains(letter);
    let is_sound = |text: &String| text.chars().all(letter);
    if !more.iter().all(|(key, value)| is_sound(key) && is_sound(value)) {
        return Err(invalid(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - @ :.",
        ));
    }
    if let Some(key) = more.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(invalid(format!("The tag key {key} begins with aws:, which is reserved.")));
    }
    tags.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    if tags.len() > TAGS_MAX {
        return Err(invalid(format!("A resource cannot have more than {TAGS_MAX} tags associated with it.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_streams() {
        let key = ("000000000000".to_owned(), "eu-west-1".to_owned(), "s".to_owned());
        assert_eq!(key_of_arn(&arn(&key)), Some(key));
        for text in [
            "",
            "arn:aws:kinesis:eu-west-1:000000000000:stream/",
            "arn:aws:kinesis:eu-west-1:000000000000:stream/s/consumer/c:1",
            "arn:aws:sqs:eu-west-1:000000000000:s",
        ] {
            assert_eq!(key_of_arn(text), None, "{text}");
        }
    }
}
