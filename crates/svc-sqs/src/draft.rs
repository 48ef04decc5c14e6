//! A message as it is sent, checked in AWS's order and words before anything is stored.

use std::collections::BTreeMap;

use api_sqs::{
    MessageAttributeValue, MessageSystemAttributeValue, SendMessageBatchRequestEntry, SendMessageInput,
    errors,
};
use aws_wire::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

use crate::md5;
use crate::message::{Attribute, Content};
use crate::queue::Queue;
use crate::refusal::{invalid, invalid_value, missing};

const ATTRIBUTES_MAX: usize = 10;
const ATTRIBUTE_NAME_MAX: usize = 256;
const ID_LENGTH_MAX: usize = 128;
const DELAY_S_MAX: i32 = 900;
const NOT_FOR_THIS_QUEUE: &str = "The request include parameter that is not valid for this queue type.";

pub(crate) struct Draft {
    pub content: Content,
    /// Its own, or the queue's.
    pub delay_s: i64,
    pub attributes_md5: Option<String>,
    pub system_md5: Option<String>,
}

/// What `SendMessage` and an entry of `SendMessageBatch` have in common.
pub(crate) struct Request {
    pub body: String,
    pub delay_seconds: Option<i32>,
    pub attributes: BTreeMap<String, MessageAttributeValue>,
    pub system: BTreeMap<String, MessageSystemAttributeValue>,
    pub deduplication: Option<String>,
    pub group: Option<String>,
}

impl From<SendMessageInput> for Request {
    fn from(input: SendMessageInput) -> Self {
        Self {
            body: input.message_body,
            delay_seconds: input.delay_seconds,
            attributes: input.message_attributes.unwrap_or_default(),
            system: input.message_system_attributes.unwrap_or_default(),
            deduplication: input.message_deduplication_id,
            group: input.message_group_id,
        }
    }
}

impl From<SendMessageBatchRequestEntry> for Request {
    fn from(input: SendMessageBatchRequestEntry) -> Self {
        Self {
            body: input.message_body,
            delay_seconds: input.delay_seconds,
            attributes: input.message_attributes.unwrap_or_default(),
            system: input.message_system_attributes.unwrap_or_default(),
            deduplication: input.message_deduplication_id,
            group: input.message_group_id,
        }
    }
}

impl Request {
    /// What counts against the largest size: the body, and names, types and values of the attributes.
    pub(crate) fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| {
            let string = value.string_value.as_ref().map_or(0, String::len);
            let binary = value.binary_value.as_ref().map_or(0, bytes::Bytes::len);
            name.len() + value.data_type.len() + string + binary
        });
        self.body.len() + attributes.sum::<usize>()
    }

    /// # Errors
    /// 400 for whatever `queue` does not take.
    pub(crate) fn check(self, queue: &Queue, sender: &str) -> Result<Draft> {
        check_body(&self.body)?;
        let bytes_max = queue.message_bytes_max();
        if self.bytes() > bytes_max {
            return Err(invalid(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {bytes_max} bytes."
            )));
        }
        let attributes = check_attributes(&self.attributes)?;
        let (trace, system_md5) = check_system(&self.system)?;
        let delay_s = check_delay(self.delay_seconds, queue)?;
        let (group, deduplication) = check_fifo(self.group, self.deduplication, &self.body, queue)?;
        let attributes_md5 = md5::of_attributes(attributes.iter());
        let content = Content {
            body_md5: md5::of_body(&self.body),
            body: self.body,
            attributes,
            trace,
            sender: sender.to_owned(),
            group,
            deduplication,
        };
        Ok(Draft { content, delay_s, attributes_md5, system_md5 })
    }
}

fn check_body(body: &str) -> Result<()> {
    if body.is_empty() {
        return Err(missing("MessageBody"));
    }
    let allowed = |letter: char| matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    if let Some(letter) = body.chars().find(|letter| !allowed(*letter)) {
        return Err(errors::invalid_message_contents(format!(
            "Invalid binary character '#x{:X}' was found in the message body, the set of allowed characters is #x9 | \
             #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
            u32::from(letter)
        )));
    }
    Ok(())
}

fn check_attributes(given: &BTreeMap<String, MessageAttributeValue>) -> Result<BTreeMap<String, Attribute>> {
    if given.len() > ATTRIBUTES_MAX {
        return Err(invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{ATTRIBUTES_MAX}].",
            given.len()
        )));
    }
    given.iter().map(|(name, value)| Ok((name.clone(), check_attribute(name, value)?))).collect()
}

fn check_attribute(name: &str, value: &MessageAttributeValue) -> Result<Attribute> {
    let letters = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let lower = name.to_ascii_lowercase();
    if name.is_empty()
        || name.len() > ATTRIBUTE_NAME_MAX
        || !name.chars().all(letters)
        || name.starts_with('.')
        || name.ends_with('.')
        || name.contains("..")
    {
        return Err(invalid(format!(
            "The message attribute name '{name}' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), \
             hyphen (-), and period (.) characters."
        )));
    }
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return Err(invalid(format!(
            "The message attribute name '{name}' is invalid. You must not use any of the reserved prefixes: AWS., Amazon."
        )));
    }
    if value.string_list_values.is_some() || value.binary_list_values.is_some() {
        return Err(invalid("Message attribute list values in SendMessage operation are not supported."));
    }
    if value.data_type.is_empty() {
        return Err(invalid(format!(
            "The message (user) attribute '{name}' must contain a non-empty message attribute type."
        )));
    }
    let kind = value.data_type.split('.').next().unwrap_or_default();
    let empty = |kind: &str| {
        invalid(format!(
            "The message (user) attribute '{name}' must contain a non-empty message attribute value for message \
             attribute type (user) '{kind}'."
        ))
    };
    let (mut string, mut binary) = (None, None);
    match kind {
        "Binary" => {
            let bytes = value.binary_value.as_ref().filter(|bytes| !bytes.is_empty());
            binary = Some(BASE64.encode(bytes.ok_or_else(|| empty(kind))?));
        }
        "String" | "Number" => {
            let text = value.string_value.as_ref().filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| empty(kind))?;
            if kind == "Number" && text.trim().parse::<f64>().is_err() {
                return Err(invalid(format!(
                    "Can't cast the value of message (user) attribute '{name}' to a number."
                )));
            }
            string = Some(text.clone());
        }
        _ => {
            return Err(invalid(format!(
                "The type of message (user) attribute '{name}' is invalid. You must use only the following supported \
                 type prefixes: Binary, Number, String."
            )));
        }
    }
    Ok(Attribute { data_type: value.data_type.clone(), string, binary })
}

/// The one attribute of the system that senders set, and the MD5 over it.
fn check_system(
    given: &BTreeMap<String, MessageSystemAttributeValue>,
) -> Result<(Option<String>, Option<String>)> {
    if let Some(name) = given.keys().find(|name| *name != "AWSTraceHeader") {
        return Err(invalid(format!("Message system attribute name '{name}' is invalid.")));
    }
    let Some((name, value)) = given.iter().next() else { return Ok((None, None)) };
    let text = value.string_value.clone().filter(|text| !text.is_empty() && value.data_type == "String");
    let Some(text) = text else {
        return Err(invalid(format!(
            "The message (system) attribute '{name}' must contain a non-empty value of type 'String'."
        )));
    };
    let attribute =
        Attribute { data_type: value.data_type.clone(), string: Some(text.clone()), binary: None };
    Ok((Some(text), md5::of_attributes([(name, &attribute)].into_iter())))
}

fn check_delay(given: Option<i32>, queue: &Queue) -> Result<i64> {
    match given {
        Some(delay) if !(0..=DELAY_S_MAX).contains(&delay) => {
            Err(invalid_value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900."))
        }
        // FIFO queues have one delay for all: order would be lost.
        Some(delay) if queue.is_fifo() && delay != 0 => {
            Err(invalid_value(delay, "DelaySeconds", NOT_FOR_THIS_QUEUE))
        }
        Some(delay) if !queue.is_fifo() => Ok(delay.into()),
        _ => Ok(queue.delay_s()),
    }
}

fn check_fifo(
    group: Option<String>,
    deduplication: Option<String>,
    body: &str,
    queue: &Queue,
) -> Result<(Option<String>, Option<String>)> {
    for (name, id) in [("MessageGroupId", &group), ("MessageDeduplicationId", &deduplication)] {
        let printable = |id: &String| id.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(id) = id.as_ref().filter(|id| id.is_empty() || id.len() > ID_LENGTH_MAX || !printable(id))
        {
            return Err(invalid_value(
                id,
                name,
                &format!(
                    "{name} can only include alphanumeric and punctuation characters. 1 to 128 in length."
                ),
            ));
        }
    }
    if !queue.is_fifo() {
        if let Some(id) = deduplication {
            return Err(invalid_value(id, "MessageDeduplicationId", NOT_FOR_THIS_QUEUE));
        }
        return Ok((group, None));
    }
    let group = group.ok_or_else(|| missing("MessageGroupId"))?;
    let deduplication = match deduplication {
        Some(id) => id,
        None if queue.deduplicates_by_content() => md5::hex(&Sha256::digest(body.as_bytes())),
        None => {
            return Err(invalid(
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided \
                 explicitly",
            ));
        }
    };
    Ok((Some(group), Some(deduplication)))
}
