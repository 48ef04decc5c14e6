//! Registered consumers, which are pushed to instead of asking.

use std::collections::BTreeMap;

use api_kinesis::ConsumerStatus;
use aws_wire::Result;
use env::Timestamp;
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::keys::{CONSUMERS, StreamKey};
use crate::refusal::{invalid, no_consumer};
use crate::stream::{self, Named};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Consumer {
    pub created_ms: i64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The resource policy, as it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// The stream's ARN, the name, and the second of the registration: who registers again is another.
pub(crate) fn arn(key: &StreamKey, name: &str, consumer: &Consumer) -> String {
    format!("{}/consumer/{name}:{}", stream::arn(key), consumer.created_ms / 1000)
}

/// The stream and the name that a consumer's ARN has.
pub(crate) fn of_arn(arn: &str) -> Option<(StreamKey, &str)> {
    let (stream, consumer) = arn.split_once("/consumer/")?;
    let (name, _) = consumer.rsplit_once(':')?;
    Some((stream::key_of_arn(stream)?, name))
}

/// A consumer that was found.
pub(crate) struct Found {
    pub stream: Named,
    pub name: String,
    pub consumer: Consumer,
}

impl Found {
    pub(crate) fn arn(&self) -> String {
        arn(&self.stream.key, &self.name, &self.consumer)
    }
}

/// How a request names a consumer: by its ARN, or by its stream's and its name.
pub(crate) struct Asked<'a> {
    pub stream_arn: Option<&'a str>,
    pub name: Option<&'a str>,
    pub arn: Option<&'a str>,
}

/// # Errors
/// 400 `InvalidArgumentException` for what names none, `ResourceNotFoundException` without it.
pub(crate) fn find(cx: &Ctx, reader: &impl Read, asked: &Asked<'_>, action: &str) -> Result<Found> {
    let (key, name) = match (asked.arn, asked.stream_arn, asked.name) {
        (Some(arn), ..) => of_arn(arn).ok_or_else(|| invalid("Invalid ConsumerARN."))?,
        (None, Some(stream), Some(name)) => {
            (stream::key_of_arn(stream).ok_or_else(|| invalid("Invalid StreamARN."))?, name)
        }
        _ => {
            return Err(invalid("Must specify either ConsumerARN or both of StreamARN and ConsumerName."));
        }
    };
    let missing = || match asked.arn {
        Some(arn) => no_consumer(arn, &key.0),
        None => no_consumer(name, &key.0),
    };
    let stream = stream::unchecked(reader, &key).map_err(|_| missing())?;
    let consumer = CONSUMERS.get(reader, &(stream.id, name))?.ok_or_else(missing)?;
    let found = Found { stream: Named { key: key.clone(), stream }, name: name.to_owned(), consumer };
    if asked.arn.is_some_and(|arn| arn != found.arn()) {
        return Err(missing());
    }
    crate::policy::check(cx, &key.0, &found.arn(), found.consumer.policy.as_deref(), action)?;
    Ok(found)
}

pub(crate) fn shown(key: &StreamKey, name: &str, consumer: &Consumer) -> api_kinesis::Consumer {
    api_kinesis::Consumer {
        consumer_name: name.to_owned(),
        consumer_arn: arn(key, name, consumer),
        consumer_status: ConsumerStatus::Active,
        consumer_creation_timestamp: Timestamp::from_millis(consumer.created_ms),
    }
}
