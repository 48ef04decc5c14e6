//! What a subscriber gets: the message in its envelope, as a queue's body, a request's or a function's event.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::message::Message;
use crate::signing::Seal;

/// What an envelope says beside the message.
pub(crate) struct Sender<'a> {
    pub topic_arn: &'a str,
    pub subscription_arn: &'a str,
    /// `host:port` by which the publisher reached the platform.
    pub host: &'a str,
}

/// What an endpoint is asked to confirm, by the token it is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Confirmation {
    /// That it wants the topic's messages.
    Subscribing { token: String },
    /// That it did not want to unsubscribe.
    Unsubscribed { token: String },
}

impl Confirmation {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Subscribing { .. } => "SubscriptionConfirmation",
            Self::Unsubscribed { .. } => "UnsubscribeConfirmation",
        }
    }

    fn token(&self) -> &str {
        match self {
            Self::Subscribing { token } | Self::Unsubscribed { token } => token,
        }
    }

    fn words(&self, sender: &Sender<'_>) -> String {
        let (topic_arn, subscription_arn) = (sender.topic_arn, sender.subscription_arn);
        match self {
            Self::Subscribing { .. } => format!(
                "You have chosen to subscribe to the topic {topic_arn}.\nTo confirm the subscription, visit the \
                 SubscribeURL included in this message."
            ),
            Self::Unsubscribed { .. } => format!(
                "You have chosen to deactivate subscription {subscription_arn}.\nTo cancel this operation and restore \
                 the subscription, visit the SubscribeURL included in this message."
            ),
        }
    }
}

impl Sender<'_> {
    fn unsubscribe_url(&self) -> String {
        format!("http://{}/?Action=Unsubscribe&SubscriptionArn={}", self.host, self.subscription_arn)
    }

    fn subscribe_url(&self, token: &str) -> String {
        format!("http://{}/?Action=ConfirmSubscription&TopicArn={}&Token={token}", self.host, self.topic_arn)
    }

    fn certificate_url(&self, seal: &Seal) -> String {
        format!("http://{}{}", self.host, seal.certificate_path)
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

/// A message without an envelope.
pub(crate) fn raw<'m>(message: &'m Message, protocol: &str) -> &'m str {
    body(message, protocol)
}

/// What the signature of a notification covers: AWS's documented order of members, a name and a value a line.
pub(crate) fn text_to_sign(message: &Message, protocol: &str, topic_arn: &str) -> String {
    let at = timestamp(message.published_ms);
    let subject = message.subject.as_deref();
    lines(&[
        ("Message", Some(body(message, protocol))),
        ("MessageId", Some(&message.id)),
        ("Subject", subject),
        ("Timestamp", Some(&at)),
        ("TopicArn", Some(topic_arn)),
        ("Type", Some("Notification")),
    ])
}

/// The same of a confirmation.
pub(crate) fn confirmation_to_sign(
    message: &Message,
    confirmation: &Confirmation,
    sender: &Sender<'_>,
) -> String {
    lines(&[
        ("Message", Some(&confirmation.words(sender))),
        ("MessageId", Some(&message.id)),
        ("SubscribeURL", Some(&sender.subscribe_url(confirmation.token()))),
        ("Timestamp", Some(&timestamp(message.published_ms))),
        ("Token", Some(confirmation.token())),
        ("TopicArn", Some(sender.topic_arn)),
        ("Type", Some(confirmation.kind())),
    ])
}

fn lines(members: &[(&str, Option<&str>)]) -> String {
    let present = members.iter().filter_map(|(name, value)| Some(format!("{name}\n{}\n", (*value)?)));
    present.collect()
}

/// The envelope as JSON: a queue's message, or the body of a request.
pub(crate) fn of_text(message: &Message, protocol: &str, sender: &Sender<'_>, seal: &Seal) -> String {
    let mut envelope = Map::new();
    let mut say = |name: &str, value: Json| envelope.insert(name.to_owned(), value);
    say("Type", "Notification".into());
    say("MessageId", message.id.as_str().into());
    if let Some(sequence) = message.sequence {
        say("SequenceNumber", sequence.to_string().into());
    }
    say("TopicArn", sender.topic_arn.into());
    if let Some(subject) = &message.subject {
        say("Subject", subject.as_str().into());
    }
    say("Message", body(message, protocol).into());
    say("Timestamp", timestamp(message.published_ms).into());
    say("SignatureVersion", seal.version.as_str().into());
    say("Signature", seal.signature.as_str().into());
    say("SigningCertURL", sender.certificate_url(seal).into());
    say("UnsubscribeURL", sender.unsubscribe_url().into());
    if !message.attributes.is_empty() {
        say("MessageAttributes", attributes(message));
    }
    Json::Object(envelope).to_string()
}

/// What an endpoint is asked with.
pub(crate) fn of_confirmation(
    message: &Message,
    confirmation: &Confirmation,
    sender: &Sender<'_>,
    seal: &Seal,
) -> String {
    json!({
        "Type": confirmation.kind(),
        "MessageId": message.id,
        "Token": confirmation.token(),
        "TopicArn": sender.topic_arn,
        "Message": confirmation.words(sender),
        "SubscribeURL": sender.subscribe_url(confirmation.token()),
        "Timestamp": timestamp(message.published_ms),
        "SignatureVersion": seal.version.as_str(),
        "Signature": seal.signature,
        "SigningCertURL": sender.certificate_url(seal),
    })
    .to_string()
}

/// A function's event, of one record.
pub(crate) fn of_function(message: &Message, sender: &Sender<'_>, seal: &Seal) -> String {
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
            "SignatureVersion": seal.version.as_str(),
            "Signature": seal.signature,
            "SigningCertUrl": sender.certificate_url(seal),
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

    #[test]
    fn what_is_signed_leaves_out_what_is_not_there() {
        assert_eq!(lines(&[("A", Some("1")), ("B", None), ("C", Some("x\ny"))]), "A\n1\nC\nx\ny\n");
    }
}
