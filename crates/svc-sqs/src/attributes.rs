//! The attributes that a queue is given: each with its range, some only together with others.

use std::collections::BTreeMap;

use api_sqs::errors;
use aws_auth::policy::Policy;
use aws_wire::{AwsError, Result};
use kv::Read;
use serde_json::Value as Json;

use crate::keys::{QUEUES, QueueKey};
use crate::queue::{self, Queue};
use crate::refusal::invalid_value;

/// Numbers: name, least, most, default.
const NUMBERS: [(&str, i64, i64, i64); 5] = [
    ("VisibilityTimeout", 0, 43_200, 30),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("DelaySeconds", 0, 900, 0),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
];
const READ_ONLY: [&str; 6] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];
const OTHERS: [&str; 10] = [
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoThroughputLimit",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];
/// Queues that a redrive allow policy may list.
const SOURCES_MAX: usize = 10;

type Attributes = BTreeMap<String, String>;

pub(crate) fn is_known(name: &str) -> bool {
    NUMBERS.iter().any(|(number, ..)| *number == name) || READ_ONLY.contains(&name) || OTHERS.contains(&name)
}

pub(crate) fn unknown(name: &str) -> AwsError {
    errors::invalid_attribute_name(format!("Unknown Attribute {name}."))
}

fn invalid(name: &str) -> AwsError {
    errors::invalid_attribute_value(format!("Invalid value for the parameter {name}."))
}

/// Checks what one request sets of a queue that is a FIFO queue or not.
///
/// # Errors
/// 400 for an attribute that is unknown, read-only, out of its range or for another type of queue; 501 for keys of KMS.
pub(crate) fn check(operation: &str, given: &Attributes, fifo: bool) -> Result<()> {
    for (name, value) in given {
        if READ_ONLY.contains(&name.as_str()) || !is_known(name) {
            return Err(unknown(name));
        }
        if let Some((_, least, most, _)) = NUMBERS.iter().find(|(number, ..)| number == name) {
            let number = value.parse::<i64>().ok().filter(|number| (*least..=*most).contains(number));
            number.ok_or_else(|| invalid(name))?;
            continue;
        }
        let only_fifo =
            ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];
        if only_fifo.contains(&name.as_str()) && !fifo {
            return Err(unknown(name));
        }
        let allowed: &[&str] = match name.as_str() {
            "KmsMasterKeyId" if value.is_empty() => continue,
            "KmsMasterKeyId" | "KmsDataKeyReusePeriodSeconds" => {
                return Err(AwsError::parameter_not_implemented(operation, name));
            }
            "FifoQueue" => &["true"],
            "DeduplicationScope" => &["queue", "messageGroup"],
            "FifoThroughputLimit" => &["perQueue", "perMessageGroupId"],
            "ContentBasedDeduplication" | "SqsManagedSseEnabled" => &["true", "false"],
            _ => continue,
        };
        if !allowed.contains(&value.as_str()) {
            return Err(invalid(name));
        }
    }
    Ok(())
}

/// Checks a queue's documents, and what its attributes mean together, as they will be.
///
/// # Errors
/// 400 for what AWS refuses.
pub(crate) fn check_whole(reader: &impl Read, key: &QueueKey, queue: &Queue) -> Result<()> {
    let attribute = |name: &str| queue.attribute(name);
    if attribute("FifoThroughputLimit") == Some("perMessageGroupId")
        && attribute("DeduplicationScope") != Some("messageGroup")
    {
        return Err(invalid_value(
            "perMessageGroupId",
            "FifoThroughputLimit",
            "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.",
        ));
    }
    if let Some(text) = attribute("Policy") {
        let document = serde_json::from_str::<Json>(text).ok();
        document.and_then(|document| Policy::parse(&document).ok()).ok_or_else(|| invalid("Policy"))?;
    }
    if let Some(text) = attribute("RedriveAllowPolicy") {
        check_allow_policy(text)?;
    }
    attribute("RedrivePolicy").map_or(Ok(()), |text| check_redrive(reader, key, queue, text))
}

fn check_redrive(reader: &impl Read, key: &QueueKey, queue: &Queue, text: &str) -> Result<()> {
    let refuse = |reason: &str| invalid_value(text, "RedrivePolicy", reason);
    let document = serde_json::from_str::<Json>(text).ok().filter(Json::is_object);
    let document = document.ok_or_else(|| refuse("Redrive policy is not a valid JSON map."))?;
    for name in ["maxReceiveCount", "deadLetterTargetArn"] {
        if document.get(name).is_none() {
            return Err(refuse(&format!("Redrive policy does not contain mandatory attribute: {name}.")));
        }
    }
    let count = match &document["maxReceiveCount"] {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    if !count.parse::<u32>().is_ok_and(|count| (1..=1000).contains(&count)) {
        return Err(refuse(&format!(
            "Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive."
        )));
    }
    let arn = document["deadLetterTargetArn"].as_str().unwrap_or_default();
    let target_key =
        queue::key_of_arn(arn).ok_or_else(|| refuse("Invalid value for deadLetterTargetArn."))?;
    if (&target_key.0, &target_key.1) != (&key.0, &key.1) {
        return Err(refuse("Dead-letter target must be in the same account and region as the source."));
    }
    let target = if target_key == *key { Some(queue.clone()) } else { QUEUES.get(reader, &target_key)? };
    let target = target.ok_or_else(|| refuse("Dead letter target does not exist."))?;
    if target.is_fifo() != queue.is_fifo() {
        return Err(refuse("Dead-letter queue must be same type of queue as the source."));
    }
    if !allows_source(&target, &queue::arn(key)) {
        return Err(refuse("The dead-letter queue's redrive allow policy does not allow this source queue."));
    }
    Ok(())
}

/// Whether a dead-letter queue takes what comes from `source_arn`.
fn allows_source(target: &Queue, source_arn: &str) -> bool {
    let document =
        target.attribute("RedriveAllowPolicy").and_then(|text| serde_json::from_str::<Json>(text).ok());
    let Some(document) = document else { return true };
    match document["redrivePermission"].as_str() {
        Some("denyAll") => false,
        Some("byQueue") => {
            let sources = document["sourceQueueArns"].as_array();
            sources.is_some_and(|sources| sources.iter().any(|source| source == source_arn))
        }
        _ => true,
    }
}

fn check_allow_policy(text: &str) -> Result<()> {
    let refuse = |reason: &str| invalid_value(text, "RedriveAllowPolicy", reason);
    let document = serde_json::from_str::<Json>(text).ok().filter(Json::is_object);
    let document = document.ok_or_else(|| refuse("Redrive allow policy is not a valid JSON map."))?;
    let sources = document.get("sourceQueueArns").map(Json::as_array);
    match (document["redrivePermission"].as_str(), sources) {
        (Some("allowAll" | "denyAll"), None) => Ok(()),
        (Some("byQueue"), Some(Some(sources)))
            if (1..=SOURCES_MAX).contains(&sources.len())
                && sources
                    .iter()
                    .all(|source| source.as_str().is_some_and(|arn| queue::key_of_arn(arn).is_some())) =>
        {
            Ok(())
        }
        (Some("allowAll" | "denyAll" | "byQueue"), _) => Err(refuse(
            "sourceQueueArns must be given, with one to ten ARNs, when redrivePermission is byQueue, and only then.",
        )),
        _ => Err(refuse("redrivePermission must be allowAll, denyAll or byQueue.")),
    }
}

/// A queue's attributes as they are told, those that are counted apart.
pub(crate) fn shown(key: &QueueKey, queue: &Queue) -> Attributes {
    let mut all = queue.attributes.clone();
    all.retain(|_, value| !value.is_empty());
    for (name, _, _, default) in NUMBERS {
        all.entry(name.to_owned()).or_insert_with(|| default.to_string());
    }
    let mut set = |name: &str, value: String| {
        all.entry(name.to_owned()).or_insert(value);
    };
    set("SqsManagedSseEnabled", "true".to_owned());
    if queue.is_fifo() {
        set("ContentBasedDeduplication", "false".to_owned());
        set("DeduplicationScope", "queue".to_owned());
        set("FifoThroughputLimit", "perQueue".to_owned());
    }
    set("QueueArn", queue::arn(key));
    set("CreatedTimestamp", (queue.created_ms / 1000).to_string());
    set("LastModifiedTimestamp", (queue.modified_ms / 1000).to_string());
    all
}

/// Sets attributes of a queue; an empty document takes it away.
pub(crate) fn set(queue: &mut Queue, given: Attributes) {
    for (name, value) in given {
        if value.is_empty() {
            queue.attributes.remove(&name);
        } else {
            queue.attributes.insert(name, value);
        }
    }
}

/// The first attribute of a request to create a queue that the queue which is there already has otherwise.
pub(crate) fn difference(key: &QueueKey, queue: &Queue, given: &Attributes) -> Option<String> {
    let present = shown(key, queue);
    let same = |name: &str, value: &str| {
        let present = present.get(name).map(String::as_str).unwrap_or_default();
        let json = |text: &str| serde_json::from_str::<Json>(text).ok();
        present == value || (json(present).is_some() && json(present) == json(value))
    };
    given.iter().find(|(name, value)| !same(name, value)).map(|(name, _)| name.clone())
}
