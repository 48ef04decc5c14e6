//! What is told of a received mail: functions' events and topics' notifications.

use mail_parser::Message;
use serde_json::{Value as Json, json};

use super::Received;
use super::rule::{Action, Kind};
use crate::event::iso;
use crate::mime;

/// A received mail and what of it is told.
pub(crate) struct Notice<'a> {
    pub id: &'a str,
    pub received: &'a Received,
    pub message: &'a Message<'a>,
    /// Those for whom the rule is.
    pub recipients: &'a [&'a str],
    pub action: &'a Action,
    /// In microseconds.
    pub now: i64,
}

impl Notice<'_> {
    /// A function's event.
    pub(crate) fn event(&self) -> Json {
        json!({ "Records": [{
            "eventSource": "aws:ses",
            "eventVersion": "1.0",
            "ses": { "mail": self.mail(), "receipt": self.receipt() },
        }] })
    }

    /// A topic's notification, with the mail's bytes or without.
    pub(crate) fn notification(&self, content: Option<&str>) -> Json {
        let mut out =
            json!({ "notificationType": "Received", "mail": self.mail(), "receipt": self.receipt() });
        if let Some(content) = content {
            out["content"] = content.into();
        }
        out
    }

    fn mail(&self) -> Json {
        let mut mail = json!({
            "timestamp": iso(self.received.at),
            "source": self.received.source,
            "messageId": self.id,
            "destination": self.received.recipients,
        });
        let own_id = self.message.message_id().map(|id| format!("<{id}>")).unwrap_or_default();
        for (name, value) in mime::shown_headers(self.message, &own_id) {
            mail[name] = value;
        }
        mail
    }

    /// Nothing here looks for spam and viruses, nor asks DNS who may send.
    fn receipt(&self) -> Json {
        let (unscanned, unknown) = (json!({ "status": "DISABLED" }), json!({ "status": "GRAY" }));
        json!({
            "timestamp": iso(self.received.at),
            "processingTimeMillis": (self.now - self.received.at) / 1000,
            "recipients": self.recipients,
            "spamVerdict": unscanned,
            "virusVerdict": unscanned,
            "spfVerdict": unknown,
            "dkimVerdict": unknown,
            "dmarcVerdict": unknown,
            "action": self.shown_action(),
        })
    }

    fn shown_action(&self) -> Json {
        let mut out = match &self.action.kind {
            Kind::S3 { bucket, prefix } => json!({
                "type": "S3",
                "bucketName": bucket,
                "objectKeyPrefix": prefix.as_deref().unwrap_or_default(),
                "objectKey": object_key(prefix.as_deref(), self.id),
            }),
            Kind::Sns { topic, base64 } => json!({
                "type": "SNS",
                "topicArn": topic,
                "encoding": if *base64 { "BASE64" } else { "UTF8" },
            }),
            Kind::Lambda { function, waits } => json!({
                "type": "Lambda",
                "functionArn": function,
                "invocationType": if *waits { "RequestResponse" } else { "Event" },
            }),
            Kind::Stop => json!({ "type": "Stop" }),
            Kind::AddHeader { name, value } => {
                json!({ "type": "AddHeader", "headerName": name, "headerValue": value })
            }
            Kind::Bounce { code, status, message, sender } => json!({
                "type": "Bounce",
                "smtpReplyCode": code,
                "statusCode": status,
                "message": message,
                "sender": sender,
            }),
        };
        if let Some(topic) = &self.action.topic {
            out["topicArn"] = topic.as_str().into();
        }
        out
    }
}

pub(crate) fn object_key(prefix: Option<&str>, id: &str) -> String {
    format!("{}{id}", prefix.unwrap_or_default())
}
