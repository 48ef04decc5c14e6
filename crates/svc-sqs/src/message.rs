//! A message: what was sent, and what happens to it. How a receiver sees it.

use std::collections::{BTreeMap, BTreeSet};

use api_sqs::{Message, MessageAttributeValue, ReceiveMessageInput};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use env::Uuid;
use serde::{Deserialize, Serialize};

use crate::keys::Id;
use crate::md5;
use crate::receipt::Receipt;

/// What was sent. Never changed, so that receiving does not write bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    pub body: String,
    pub body_md5: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The sender's user id.
    pub sender: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication: Option<String>,
}

/// One of ten attributes that a sender may add.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Attribute {
    /// `String`, `Number` or `Binary`, with a point and whatever the sender likes behind it or not.
    pub data_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string: Option<String>,
    /// In Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary: Option<String>,
}

/// What changes in a message's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The message; in FIFO queues the key does not say it.
    pub id: Id,
    /// When it is or was visible, in microseconds.
    pub at: i64,
    /// Milliseconds since the epoch, like all that follow.
    pub sent_ms: i64,
    /// How often it was received from this queue.
    pub receives: u32,
    /// How often from the queues it was in before.
    #[serde(default)]
    pub earlier: u32,
    #[serde(default)]
    pub first_received_ms: Option<i64>,
    /// The last time; its visibility may not be longer than twelve hours from then on.
    #[serde(default)]
    pub received_ms: i64,
    /// The ARN of the queue whose dead letter it is.
    #[serde(default)]
    pub source: Option<String>,
}

impl State {
    pub(crate) fn new(id: Id, at: i64, sent_ms: i64) -> Self {
        Self {
            id,
            at,
            sent_ms,
            receives: 0,
            earlier: 0,
            first_received_ms: None,
            received_ms: 0,
            source: None,
        }
    }

    /// Handed to a receiver at `now_ms`; visible again at `until`.
    pub(crate) fn receive(&mut self, now_ms: i64, until: i64) {
        self.at = until;
        self.receives += 1;
        self.received_ms = now_ms;
        self.first_received_ms.get_or_insert(now_ms);
    }

    /// Moved to another queue.
    pub(crate) fn move_on(&mut self, at: i64) {
        self.at = at;
        self.earlier += self.receives;
        self.receives = 0;
    }
}

/// A message in a receiver's hand.
pub(crate) struct Taken {
    pub state: State,
    pub content: Content,
    /// FIFO: group and sequence number.
    pub place: Option<(String, u64)>,
}

/// What a receiver wants to see of each message.
pub(crate) struct Wanted {
    system: BTreeSet<String>,
    attributes: Vec<String>,
}

impl Wanted {
    pub(crate) fn of(input: &ReceiveMessageInput) -> Self {
        let old = input.attribute_names.iter().flatten().cloned();
        let system = old.chain(input.message_system_attribute_names.iter().flatten().cloned()).collect();
        Self { system, attributes: input.message_attribute_names.clone().unwrap_or_default() }
    }

    fn system(&self, name: &str) -> bool {
        self.system.contains(name) || self.system.contains("All")
    }

    fn attribute(&self, name: &str) -> bool {
        self.attributes.iter().any(|wanted| match wanted.strip_suffix(".*") {
            _ if wanted == "All" => true,
            // `bar.*` is also `bar.`'s short form: every name that begins with `bar.`; `.*` is all.
            Some(prefix) => {
                prefix.is_empty() || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
            }
            None => wanted == name,
        })
    }

    pub(crate) fn show(&self, queue: Id, taken: Taken) -> Message {
        let Taken { state, content, place } = taken;
        let attributes =
            content.attributes.iter().filter(|(name, _)| self.attribute(name)).collect::<BTreeMap<_, _>>();
        let md5 = md5::of_attributes(attributes.iter().map(|(name, attribute)| (*name, *attribute)));
        let shown = attributes.iter().map(|(name, attribute)| ((*name).clone(), attribute.show()));
        let shown = shown.collect::<BTreeMap<_, _>>();
        let system = self.system_attributes(&state, &content, place.as_ref());
        let receipt = Receipt { queue, message: state.id, receives: state.receives, place };
        Message {
            message_id: Some(Uuid::from_bytes(state.id).to_string()),
            receipt_handle: Some(receipt.write()),
            md5_of_body: Some(content.body_md5),
            body: Some(content.body),
            attributes: (!system.is_empty()).then_some(system),
            md5_of_message_attributes: md5,
            message_attributes: (!shown.is_empty()).then_some(shown),
        }
    }

    fn system_attributes(
        &self,
        state: &State,
        content: &Content,
        place: Option<&(String, u64)>,
    ) -> BTreeMap<String, String> {
        let all = [
            ("SenderId", Some(content.sender.clone())),
            ("SentTimestamp", Some(state.sent_ms.to_string())),
            ("ApproximateReceiveCount", Some((state.earlier + state.receives).to_string())),
            ("ApproximateFirstReceiveTimestamp", state.first_received_ms.map(|ms| ms.to_string())),
            ("SequenceNumber", place.map(|(_, sequence)| sequence.to_string())),
            ("MessageDeduplicationId", content.deduplication.clone()),
            ("MessageGroupId", content.group.clone()),
            ("AWSTraceHeader", content.trace.clone()),
            ("DeadLetterQueueSourceArn", state.source.clone()),
        ];
        all.into_iter()
            .filter(|(name, _)| self.system(name))
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

impl Attribute {
    fn show(&self) -> MessageAttributeValue {
        let binary = self.binary.as_ref().and_then(|text| BASE64.decode(text).ok());
        MessageAttributeValue {
            string_value: self.string.clone(),
            binary_value: binary.map(Into::into),
            string_list_values: None,
            binary_list_values: None,
            data_type: self.data_type.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_wanted_by_name_prefix_or_all() {
        let check = |wanted: &str, name: &str, expected: bool| {
            let wanted = Wanted { system: BTreeSet::new(), attributes: vec![wanted.to_owned()] };
            assert_eq!(wanted.attribute(name), expected, "{name}");
        };
        check("All", "a", true);
        check(".*", "a", true);
        check("a", "a", true);
        check("a", "ab", false);
        check("foo.*", "foo.a", true);
        check("foo.*", "food", false);
    }
}
