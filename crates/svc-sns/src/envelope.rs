//! What a subscriber gets: the message in its envelope, as a queue's body or a function's event.

use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::message::Message;

/// What an envelope says beside the message.
pub(crate) struct Sender<'a> {
    pub topic_arn: &'a str,
    pub subscription_arn: &'a str,
    /// `host:port` by which the publisher reached the platform.
    pub host: &'a str,
}

impl Sender<'_> {
    fn unsubscribe_url(&self) -> String {
        format!(
            "http://{}/?Action=Unsubscribe&Version=2010-03-31&SubscriptionArn={}",
            self.host, self.subscription_arn
        )
    }
}

/// Such as `2026-11-23T10:11:12.345Z`.
fn timestamp(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&format).unwrap_or_default()
}

fn attributes(message: &Message) -> Json {
    let shown = message.attributes.iter().map(|(name, attribute)| {
        (name.clone(), json!({ "Type": attribute.data_type, "Value": attribute.value }))
    });
    Json::Object(shown.collect::<Map<_, _>>())
}

fn body<'m>(message: &'m Message, protocol: &str) -> &'m str {
    message.bodies.get(protocol).unwrap_or(&message.body)
}

/// A queue's message without an envelope.
pub(crate) fn raw<'m>(message: &'m Message, protocol: &str) -> &'m str {
    body(message, protocol)
}

/// A queue's message: the envelope as JSON.
pub(crate) fn of_queue(message: &Message, sender: &Sender<'_>) -> String {
    let mut envelope = Map::new();
    envelope.insert("Type".to_owned(), "Notification".into());
    envelope.insert("MessageId".to_owned(), message.id.as_str().into());
    if let Some(sequence) = message.sequence {
        envelope.insert("SequenceNumber".to_owned(), sequence.to_string().into());
    }
    envelope.insert("TopicArn".to_owned(), sender.topic_arn.into());
    if let Some(subject) = &message.subject {
        envelope.insert("Subject".to_owned(), subject.as_str().into());
    }
    envelope.insert("Message".to_owned(), body(message, "sqs").into());
    envelope.insert("Timestamp".to_owned(), timestamp(message.published_ms).into());
    envelope.insert("UnsubscribeURL".to_owned(), sender.unsubscribe_url().into());
    if !message.attributes.is_empty() {
        envelope.insert("MessageAttributes".to_owned(), attributes(message));
    }
    Json::Object(envelope).to_string()
}

/// A function's event, of one record.
pub(crate) fn of_function(message: &Message, sender: &Sender<'_>) -> String {
    json!({ "Records": [{
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": sender.subscription_arn,
        "Sns": {
            "Type": "Notification",
            "MessageId": message.id,
            "TopicArn": sender.topic_arn,
            "Subject": message.subject,
            "Message": body(message, "lambda"),
            "Timestamp": timestamp(message.published_ms),
            "UnsubscribeUrl": sender.unsubscribe_url(),
            "MessageAttributes": attributes(message),
        },
    }] })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_aws_writes_them() {
        assert_eq!(timestamp(1_795_428_672_345), "2026-11-23T10:11:12.345Z");
    }
}
