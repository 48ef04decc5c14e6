//! A message as it is published, checked before anything is stored.

use std::collections::BTreeMap;

use api_sns::MessageAttributeValue;
use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::refusal::invalid;
use crate::topic::Topic;

const SUBJECT_LENGTH_MAX: usize = 100;
const ID_LENGTH_MAX: usize = 128;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub id: String,
    #[serde(default)]
    pub subject: Option<String>,
    pub body: String,
    /// With MessageStructure `json`: by protocol.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bodies: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Attribute>,
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub deduplication: Option<String>,
    #[serde(default)]
    pub sequence: Option<u64>,
    /// Milliseconds since the epoch.
    pub published_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attribute {
    /// `String`, `String.Array`, `Number` or `Binary`.
    pub data_type: String,
    /// Of `Binary` in Base64.
    pub value: String,
}

impl Message {
    /// One whose words its envelope knows.
    pub(crate) fn empty(id: String, published_ms: i64) -> Self {
        Self {
            id,
            subject: None,
            body: String::new(),
            bodies: BTreeMap::new(),
            attributes: BTreeMap::new(),
            group: None,
            deduplication: None,
            sequence: None,
            published_ms,
        }
    }
}

/// What `Publish` and an entry of `PublishBatch` have in common.
pub(crate) struct Request {
    pub message: String,
    pub subject: Option<String>,
    pub structure: Option<String>,
    pub attributes: BTreeMap<String, MessageAttributeValue>,
    pub group: Option<String>,
    pub deduplication: Option<String>,
}

impl Request {
    /// What counts against the largest size: the message, and names, types and values of the attributes.
    pub(crate) fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| {
            let string = value.string_value.as_ref().map_or(0, String::len);
            name.len()
                + value.data_type.len()
                + string
                + value.binary_value.as_ref().map_or(0, bytes::Bytes::len)
        });
        self.message.len() + attributes.sum::<usize>()
    }

    /// # Errors
    /// 400 for whatever `topic` does not take.
    pub(crate) fn check(self, topic: &Topic, id: String, published_ms: i64) -> Result<Message> {
        if self.message.is_empty() {
            return Err(invalid("Empty message"));
        }
        if self.bytes() > topic.message_bytes_max() {
            return Err(invalid("Message too long"));
        }
        if let Some(subject) = &self.subject {
            let plain = subject.chars().all(|letter| !letter.is_control());
            if subject.is_empty() || subject.chars().count() > SUBJECT_LENGTH_MAX || !plain {
                return Err(invalid("Subject"));
            }
        }
        let bodies = match self.structure.as_deref() {
            None => BTreeMap::new(),
            Some("json") => bodies(&self.message)?,
            Some(_) => return Err(invalid("MessageStructure")),
        };
        let body = bodies.get("default").cloned().unwrap_or(self.message);
        let attributes = self.attributes.iter();
        let attributes = attributes.map(|(name, value)| Ok((name.clone(), attribute(name, value)?)));
        let attributes = attributes.collect::<Result<_>>()?;
        let (group, deduplication) = order(self.group, self.deduplication, &body, topic)?;
        Ok(Message {
            id,
            subject: self.subject,
            body,
            bodies,
            attributes,
            group,
            deduplication,
            sequence: None,
            published_ms,
        })
    }
}

fn bodies(message: &str) -> Result<BTreeMap<String, String>> {
    let parsed = serde_json::from_str::<Json>(message).ok();
    let Some(Json::Object(parsed)) = parsed else {
        return Err(invalid("Message Structure - JSON message body failed to parse"));
    };
    let texts = parsed.into_iter().filter_map(|(protocol, body)| Some((protocol, body.as_str()?.to_owned())));
    let bodies = texts.collect::<BTreeMap<_, _>>();
    if !bodies.contains_key("default") {
        return Err(invalid("Message Structure - No default entry in JSON message body"));
    }
    Ok(bodies)
}

fn attribute(name: &str, value: &MessageAttributeValue) -> Result<Attribute> {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if name.is_empty() || name.len() > 256 || !name.chars().all(letters) {
        return Err(crate::refusal::invalid(format!(
            "MessageAttributes Reason: '{name}' is no attribute's name"
        )));
    }
    let refuse = |reason: &str| {
        api_sns::errors::invalid_parameter_value_exception(format!("The message attribute '{name}' {reason}"))
    };
    let text = value.string_value.clone().filter(|text| !text.is_empty());
    let missing = || {
        refuse(&format!(
            "must contain non-empty message attribute value for message attribute type '{}'.",
            value.data_type
        ))
    };
    let stored = match value.data_type.split('.').next().unwrap_or_default() {
        "Binary" => {
            BASE64.encode(value.binary_value.as_ref().filter(|bytes| !bytes.is_empty()).ok_or_else(missing)?)
        }
        "Number" => {
            let text = text.ok_or_else(missing)?;
            text.parse::<f64>().map_err(|_| refuse("could not be cast to a number."))?;
            text
        }
        "String" if value.data_type == "String.Array" => {
            let text = text.ok_or_else(missing)?;
            let parsed = serde_json::from_str::<Json>(&text).ok().filter(Json::is_array);
            parsed.ok_or_else(|| refuse("must be an array."))?;
            text
        }
        "String" => text.ok_or_else(missing)?,
        _ => {
            return Err(refuse(
                "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, \
                 and String.",
            ));
        }
    };
    Ok(Attribute { data_type: value.data_type.clone(), value: stored })
}

fn order(
    group: Option<String>,
    deduplication: Option<String>,
    body: &str,
    topic: &Topic,
) -> Result<(Option<String>, Option<String>)> {
    let printable = |id: &str| {
        id.len() <= ID_LENGTH_MAX && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    for (name, id) in [("MessageGroupId", &group), ("MessageDeduplicationId", &deduplication)] {
        if id.as_ref().is_some_and(|id| !printable(id)) {
            return Err(invalid(name));
        }
    }
    if !topic.is_fifo() {
        if deduplication.is_some() {
            return Err(invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is \
                 not valid for this topic type",
            ));
        }
        return Ok((group, None));
    }
    let group = group.ok_or_else(|| invalid("The MessageGroupId parameter is required for FIFO topics"))?;
    let deduplication = match deduplication {
        Some(id) => id,
        None if topic.deduplicates_by_content() => {
            Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
        }
        None => {
            return Err(invalid(
                "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                 explicitly",
            ));
        }
    };
    Ok((Some(group), Some(deduplication)))
}
