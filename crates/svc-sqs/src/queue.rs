//! A queue: its record, how requests name it, and what its attributes mean.

use std::collections::BTreeMap;

use api_sqs::errors;
use aws_wire::{AwsError, Result};
use kv::{Read, Span};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::Ctx;
use crate::keys::{Id, QUEUES, QueueKey};
use crate::policy;
use crate::refusal::invalid;

const NAME_LENGTH_MAX: usize = 80;
const TAGS_MAX: usize = 50;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Queue {
    /// What receipt handles and deduplication know it by.
    pub id: Id,
    /// What its messages are kept under; another one after a purge.
    pub store: Id,
    /// Milliseconds since the epoch, like all its times.
    pub created_ms: i64,
    pub modified_ms: i64,
    #[serde(default)]
    pub purged_ms: Option<i64>,
    /// Those that were set, checked, as they were given.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redrive {
    pub target_arn: String,
    pub receives_max: u32,
}

impl Queue {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn number(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.attribute("FifoQueue") == Some("true")
    }

    pub(crate) fn deduplicates_by_content(&self) -> bool {
        self.attribute("ContentBasedDeduplication") == Some("true")
    }

    pub(crate) fn deduplicates_by_group(&self) -> bool {
        self.attribute("DeduplicationScope") == Some("messageGroup")
    }

    pub(crate) fn visibility_s(&self) -> i64 {
        self.number("VisibilityTimeout", 30)
    }

    pub(crate) fn retention_ms(&self) -> i64 {
        self.number("MessageRetentionPeriod", 345_600) * 1000
    }

    pub(crate) fn message_bytes_max(&self) -> usize {
        usize::try_from(self.number("MaximumMessageSize", 1_048_576)).unwrap_or(0)
    }

    pub(crate) fn delay_s(&self) -> i64 {
        self.number("DelaySeconds", 0)
    }

    pub(crate) fn wait_s(&self) -> i64 {
        self.number("ReceiveMessageWaitTimeSeconds", 0)
    }

    /// Its policy as it was given.
    pub(crate) fn policy(&self) -> Option<Json> {
        serde_json::from_str(self.attribute("Policy")?).ok()
    }

    pub(crate) fn redrive(&self) -> Option<Redrive> {
        let policy = serde_json::from_str::<Json>(self.attribute("RedrivePolicy")?).ok()?;
        let receives_max = match &policy["maxReceiveCount"] {
            Json::Number(number) => number.as_u64(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        let receives_max = receives_max.and_then(|count| u32::try_from(count).ok())?;
        Some(Redrive { target_arn: policy["deadLetterTargetArn"].as_str()?.to_owned(), receives_max })
    }
}

/// A queue that a request names.
#[derive(Clone)]
pub(crate) struct Named {
    pub key: QueueKey,
    pub queue: Queue,
}

impl Named {
    pub(crate) fn arn(&self) -> String {
        arn(&self.key)
    }
}

pub(crate) fn arn((account, region, name): &QueueKey) -> String {
    format!("arn:aws:sqs:{region}:{account}:{name}")
}

/// The queue of an ARN; `None` for what is no queue's.
pub(crate) fn key_of_arn(arn: &str) -> Option<QueueKey> {
    let mut parts = arn.strip_prefix("arn:aws:sqs:")?.split(':');
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && is_name(name);
    whole.then(|| (account.to_owned(), region.to_owned(), name.to_owned()))
}

/// The same, if it is in the caller's account and region.
pub(crate) fn own_key_of_arn(cx: &Ctx, arn: &str) -> Option<QueueKey> {
    key_of_arn(arn)
        .filter(|(account, region, _)| **account == *cx.caller.account && **region == *cx.caller.region)
}

/// The queues whose dead letters go to the queue of `key`, in order of name.
///
/// # Errors
/// Those of the store.
pub(crate) fn sources(reader: &impl Read, key: &QueueKey) -> Result<Vec<QueueKey>> {
    let arn = arn(key);
    let all = QUEUES.all(reader, &Span::prefix(&(key.0.as_str(), key.1.as_str())))?;
    let sources = all.into_iter().filter(|(_, queue)| queue.redrive().is_some_and(|to| to.target_arn == arn));
    Ok(sources.map(|(key, _)| key).collect())
}

/// The statements of a policy, as a list.
pub(crate) fn statements(document: &mut Json) -> &mut Vec<Json> {
    if !document["Statement"].is_array() {
        document["Statement"] = Json::Array(vec![document["Statement"].take()]);
    }
    document["Statement"].as_array_mut().expect("made one above")
}

/// # Errors
/// 400 for more than fifty tags, and for keys that are none.
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(invalid(format!("Too many tags added for queue: {TAGS_MAX} are allowed.")));
    }
    for (key, value) in tags {
        let (length, reserved) = (key.chars().count(), key.to_ascii_lowercase().starts_with("aws:"));
        if !(1..=128).contains(&length) || reserved || value.chars().count() > 256 {
            return Err(invalid(format!(
                "Tag keys must be 1 to 128 characters long and not begin with aws:, values at most 256: {key}"
            )));
        }
    }
    Ok(())
}

pub(crate) fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let letters = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
    !stem.is_empty() && name.len() <= NAME_LENGTH_MAX && stem.bytes().all(letters)
}

/// By the address that the client reached the platform by.
pub(crate) fn url(cx: &Ctx, (account, _, name): &QueueKey) -> String {
    format!("http://{}/{account}/{name}", cx.host)
}

/// The queue that a URL names: by its path alone, for the platform has more than one address. A bare name is one of
/// the caller's.
///
/// # Errors
/// 404 `InvalidAddress` for what is no queue's URL.
pub(crate) fn key_of_url(cx: &Ctx, url: &str) -> Result<QueueKey> {
    let path =
        url.split_once("://").map_or(url, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let mut parts = path.trim_matches('/').rsplit('/');
    let name = parts.next().unwrap_or_default();
    let account = parts.next().unwrap_or(&cx.caller.account);
    if name.is_empty() || account.len() != 12 || !account.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(errors::invalid_address(format!("The address {url} is not valid for this endpoint.")));
    }
    Ok((account.to_owned(), cx.caller.region.to_string(), name.to_owned()))
}

/// The queue that a URL names, if the caller may do `action` with it.
///
/// # Errors
/// 400 without the queue, 403 for another account's whose policy does not let the caller in.
pub(crate) fn named(cx: &Ctx, reader: &impl Read, url: &str, action: &str) -> Result<Named> {
    let key = key_of_url(cx, url)?;
    let queue = QUEUES.get(reader, &key)?.ok_or_else(does_not_exist)?;
    policy::check(cx, &key, &queue, action)?;
    Ok(Named { key, queue })
}

/// As [`named`], read on its own.
///
/// # Errors
/// Those of [`named`].
pub(crate) async fn find(cx: &Ctx, url: &str, action: &str) -> Result<Named> {
    named(cx, &cx.kv.snapshot().await?, url, action)
}

pub(crate) fn does_not_exist() -> AwsError {
    errors::queue_does_not_exist("The specified queue does not exist.")
}
