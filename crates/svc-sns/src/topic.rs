//! A topic: its record, how requests name it, and what its attributes mean.

use std::collections::BTreeMap;

use api_sns::{Tag, errors};
use aws_auth::policy::Policy;
use aws_wire::{AwsError, Result};
use kv::Read;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::keys::{TOPICS, TopicKey};
use crate::refusal::{invalid, no_topic};
use crate::signing::SignatureVersion;
use crate::{Ctx, delivery_policy, policy};

const NAME_LENGTH_MAX: usize = 256;
const TAGS_MAX: usize = 50;
const MESSAGE_BYTES_MAX: usize = 262_144;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Topic {
    /// Those that were set, checked, as they were given.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A message that a later one with its deduplication id stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// In microseconds; when it is forgotten.
    pub until: i64,
    pub message_id: String,
    pub sequence: u64,
}

impl Topic {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn is_fifo(&self) -> bool {
        self.attribute("FifoTopic") == Some("true")
    }

    pub(crate) fn deduplicates_by_content(&self) -> bool {
        self.attribute("ContentBasedDeduplication") == Some("true")
    }

    pub(crate) fn deduplicates_by_group(&self) -> bool {
        self.attribute("FifoThroughputScope") == Some("MessageGroup")
    }

    pub(crate) fn message_bytes_max(&self) -> usize {
        self.attribute("MaximumMessageSize").and_then(|size| size.parse().ok()).unwrap_or(MESSAGE_BYTES_MAX)
    }

    pub(crate) fn signature_version(&self) -> SignatureVersion {
        match self.attribute("SignatureVersion") {
            Some("2") => SignatureVersion::Two,
            _ => SignatureVersion::One,
        }
    }

    /// Its policy; a topic that was given none lets its owner in.
    pub(crate) fn policy(&self, key: &TopicKey) -> Json {
        let given = self.attribute("Policy").and_then(|text| serde_json::from_str(text).ok());
        given.unwrap_or_else(|| {
            json!({
                "Version": "2008-10-17",
                "Id": "__default_policy_ID",
                "Statement": [{
                    "Effect": "Allow",
                    "Sid": "__default_statement_ID",
                    "Principal": { "AWS": "*" },
                    "Action": [
                        "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission",
                        "SNS:RemovePermission", "SNS:DeleteTopic", "SNS:Subscribe",
                        "SNS:ListSubscriptionsByTopic", "SNS:Publish",
                    ],
                    "Resource": arn(key),
                    "Condition": { "StringEquals": { "AWS:SourceOwner": key.0 } },
                }],
            })
        })
    }
}

pub(crate) fn arn((account, region, name): &TopicKey) -> String {
    format!("arn:aws:sns:{region}:{account}:{name}")
}

pub(crate) fn key_of_arn(arn: &str) -> Option<TopicKey> {
    let mut parts = arn.strip_prefix("arn:aws:sns:")?.split(':');
    let (region, account, name) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && is_name(name);
    whole.then(|| (account.to_owned(), region.to_owned(), name.to_owned()))
}

pub(crate) fn is_name(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let letters = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
    !stem.is_empty() && name.len() <= NAME_LENGTH_MAX && stem.bytes().all(letters)
}

/// The topic that an ARN names, if the caller may do `action`, such as `Publish`, with it.
///
/// # Errors
/// 400 for what is no topic's ARN, 404 without the topic, 403 for another account's that does not let the caller in.
pub(crate) fn named(cx: &Ctx, reader: &impl Read, arn: &str, action: &str) -> Result<(TopicKey, Topic)> {
    let key = key_of_arn(arn).ok_or_else(|| invalid("TopicArn"))?;
    let topic = TOPICS.get(reader, &key)?.ok_or_else(no_topic)?;
    policy::check(cx, &key, &topic, action)?;
    Ok((key, topic))
}

/// Checks what one request sets of a topic that is a FIFO topic or not.
///
/// # Errors
/// 400 for an attribute that is unknown or has no such value, 501 for what is not honoured.
pub(crate) fn check_attribute(operation: &str, name: &str, value: &str, fifo: bool) -> Result<()> {
    let one_of = |allowed: &[&str]| {
        if allowed.contains(&value) {
            Ok(())
        } else {
            Err(invalid(format!("Attributes Reason: {name}: {value}")))
        }
    };
    match name {
        "DisplayName" if value.chars().count() > 100 => Err(invalid("DisplayName")),
        "DisplayName" => Ok(()),
        "Policy" => {
            let document = serde_json::from_str::<Json>(value).ok();
            let policy = document.and_then(|document| Policy::parse(&document).ok());
            policy.map(drop).ok_or_else(|| invalid("Policy Error: null"))
        }
        "FifoTopic" => one_of(&["true", "false"]),
        "ContentBasedDeduplication" if fifo => one_of(&["true", "false"]),
        "FifoThroughputScope" if fifo => one_of(&["Topic", "MessageGroup"]),
        "MaximumMessageSize" => {
            let size = value.parse::<usize>().ok().filter(|size| (1024..=1_048_576).contains(size));
            size.map(drop).ok_or_else(|| invalid(format!("Attributes Reason: {name}: {value}")))
        }
        "KmsMasterKeyId" if value.is_empty() => Ok(()),
        "SignatureVersion" => one_of(&["1", "2"]),
        "DeliveryPolicy" if value.is_empty() => Ok(()),
        "DeliveryPolicy" => delivery_policy::check_of_topic(value),
        "KmsMasterKeyId" | "TracingConfig" | "ArchivePolicy" => {
            Err(AwsError::parameter_not_implemented(operation, name))
        }
        name if name.ends_with("FeedbackRoleArn") || name.ends_with("FeedbackSampleRate") => {
            Err(AwsError::parameter_not_implemented(operation, name))
        }
        _ => Err(invalid("AttributeName")),
    }
}

/// # Errors
/// 400 for more than fifty tags, and for keys that are none.
pub(crate) fn tags(given: Vec<Tag>) -> Result<BTreeMap<String, String>> {
    let tags = given.into_iter().map(|tag| (tag.key, tag.value)).collect::<BTreeMap<_, _>>();
    check_tags(&tags).map(|()| tags)
}

/// # Errors
/// Those of [`tags`].
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(errors::tag_limit_exceeded_exception(
            "Could not complete request: tag quota of per resource exceeded",
        ));
    }
    let is_key = |key: &String| (1..=128).contains(&key.chars().count()) && !key.starts_with("aws:");
    match tags.keys().find(|key| !is_key(key)) {
        Some(key) => Err(invalid(format!("Tags Reason: {key} is no tag's key"))),
        None => Ok(()),
    }
}
