//! What SES tells of a mail, as JSON: records of configuration sets, and notifications of identities.

use mail_parser::Message;
use serde_json::{Map, Value as Json, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::mail::{Fate, Mail};
use crate::{address, fate, identity, mime};

/// Nobody here knows from where a mail came or went out.
const OWN_ADDRESS: &str = "127.0.0.1";
/// Who says that a mail was delivered, or was not.
const REPORTING_MTA: &str = "localhost";
/// What the simulator's server says, and every mailbox here.
const RECEIVED: &str = "250 2.6.0 Message received";
const UNKNOWN: &str = "smtp; 550 5.1.1 user unknown";
const SUPPRESSED: &str = "Amazon SES has suppressed sending to this address because it has a recent history of \
                          bouncing as an invalid address. For more information about how to remove an address from \
                          the suppression list, see the Amazon SES Developer Guide: \
                          http://docs.aws.amazon.com/ses/latest/DeveloperGuide/remove-from-suppressionlist.html ";

/// One happening.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub kind: Kind,
    /// The object of its own that the record has.
    pub detail: Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Send,
    Delivery,
    Bounce,
    Complaint,
    Reject,
    RenderingFailure,
}

impl Kind {
    /// As the API of 2019 spells it.
    pub(crate) fn matching(self) -> &'static str {
        match self {
            Self::Send => "SEND",
            Self::Delivery => "DELIVERY",
            Self::Bounce => "BOUNCE",
            Self::Complaint => "COMPLAINT",
            Self::Reject => "REJECT",
            Self::RenderingFailure => "RENDERING_FAILURE",
        }
    }

    /// As records spell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Send => "Send",
            Self::Delivery => "Delivery",
            Self::Bounce => "Bounce",
            Self::Complaint => "Complaint",
            Self::Reject => "Reject",
            Self::RenderingFailure => "Rendering Failure",
        }
    }

    fn member(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Delivery => "delivery",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Reject => "reject",
            Self::RenderingFailure => "failure",
        }
    }

    /// As event buses know it.
    pub(crate) fn detail_type(self) -> &'static str {
        match self {
            Self::Send => "Email Sent",
            Self::Delivery => "Email Delivered",
            Self::Bounce => "Email Bounced",
            Self::Complaint => "Email Complaint Received",
            Self::Reject => "Email Rejected",
            Self::RenderingFailure => "Email Rendering Failed",
        }
    }
}

/// Why a mail came back.
pub(crate) struct Bounce<'a> {
    /// `Permanent` or `Transient`.
    pub kind: &'a str,
    pub sub_type: &'a str,
    /// Such as `5.1.1`.
    pub status: &'a str,
    pub diagnostic: &'a str,
}

/// A mail and its surroundings, of which events tell.
pub(crate) struct Story<'a> {
    /// Account and region.
    pub owner: &'a (String, String),
    pub id: &'a str,
    pub mail: &'a Mail,
    pub message: Option<&'a Message<'a>>,
    /// In microseconds; when it happens.
    pub now: i64,
    pub feedback_id: &'a str,
}

impl Story<'_> {
    /// Everything that happens to a mail at once, in its order.
    pub(crate) fn events(&self, rendering_failure: Option<&str>) -> Vec<Event> {
        if let Some(message) = rendering_failure {
            let template = self.mail.template.as_deref().unwrap_or_default();
            let detail = json!({ "errorMessage": message, "templateName": template });
            return vec![Event { kind: Kind::RenderingFailure, detail }];
        }
        let mut events = vec![Event { kind: Kind::Send, detail: json!({}) }];
        let fates = self.mail.fates.iter();
        if fates.clone().any(|(_, fate)| *fate == Fate::Rejected) {
            events.push(Event { kind: Kind::Reject, detail: json!({ "reason": "Bad content" }) });
            return events;
        }
        let with = |wanted: &[Fate]| {
            let all = fates.clone().filter(|(_, fate)| wanted.contains(fate));
            all.map(|(recipient, _)| recipient.as_str()).collect::<Vec<_>>()
        };
        let delivered = with(&[Fate::Delivered, Fate::Complained]);
        if !delivered.is_empty() {
            events.push(self.delivery(&delivered, RECEIVED));
        }
        let (listed, suppressed): (Vec<_>, Vec<_>) =
            with(&[Fate::Suppressed]).into_iter().partition(|one| fate::simulated(one).is_none());
        let bounces = [
            ("General", UNKNOWN, with(&[Fate::Bounced])),
            ("Suppressed", SUPPRESSED, suppressed),
            ("OnAccountSuppressionList", SUPPRESSED, listed),
        ];
        for (sub_type, diagnostic, recipients) in bounces {
            if !recipients.is_empty() {
                let bounce = Bounce { kind: "Permanent", sub_type, status: "5.1.1", diagnostic };
                events.push(self.bounce(&bounce, &recipients));
            }
        }
        let complained = with(&[Fate::Complained]);
        if !complained.is_empty() {
            events.push(self.complaint(&complained));
        }
        events
    }

    /// `response` is what the recipients' server said.
    pub(crate) fn delivery(&self, recipients: &[&str], response: &str) -> Event {
        let detail = json!({
            "timestamp": iso(self.now),
            "processingTimeMillis": (self.now - self.mail.at) / 1000,
            "recipients": recipients,
            "smtpResponse": response,
            "remoteMtaIp": OWN_ADDRESS,
            "reportingMTA": REPORTING_MTA,
        });
        Event { kind: Kind::Delivery, detail }
    }

    pub(crate) fn bounce(&self, bounce: &Bounce<'_>, recipients: &[&str]) -> Event {
        let recipients = recipients.iter().map(|recipient| {
            json!({
                "emailAddress": recipient,
                "action": "failed",
                "status": bounce.status,
                "diagnosticCode": bounce.diagnostic,
            })
        });
        let detail = json!({
            "feedbackId": self.feedback_id,
            "bounceType": bounce.kind,
            "bounceSubType": bounce.sub_type,
            "bouncedRecipients": recipients.collect::<Vec<_>>(),
            "timestamp": iso(self.now),
            "reportingMTA": format!("dns; {REPORTING_MTA}"),
        });
        Event { kind: Kind::Bounce, detail }
    }

    fn complaint(&self, recipients: &[&str]) -> Event {
        let recipients = recipients.iter().map(|recipient| json!({ "emailAddress": recipient }));
        let detail = json!({
            "feedbackId": self.feedback_id,
            "complaintSubType": null,
            "complainedRecipients": recipients.collect::<Vec<_>>(),
            "timestamp": iso(self.now),
            "userAgent": "Amazon SES Mailbox Simulator",
            "complaintFeedbackType": "abuse",
            "arrivalDate": iso(self.now),
        });
        Event { kind: Kind::Complaint, detail }
    }

    /// The record that a configuration set's destinations get.
    pub(crate) fn record(&self, event: &Event) -> Json {
        let mut mail = self.mail_object();
        match (event.kind, self.message) {
            (Kind::RenderingFailure, _) | (_, None) => {
                mail.insert("headersTruncated".into(), false.into());
            }
            (_, Some(message)) => self.put_headers(&mut mail, message),
        }
        let mut tags = Map::new();
        let mut tag = |name: &str, value: &str| match tags.get_mut(name) {
            Some(Json::Array(values)) => values.push(value.into()),
            _ => drop(tags.insert(name.to_owned(), json!([value]))),
        };
        if let Some(set) = &self.mail.configuration_set {
            tag("ses:configuration-set", set);
        }
        if event.kind != Kind::RenderingFailure {
            tag("ses:source-ip", OWN_ADDRESS);
            tag("ses:from-domain", address::domain(&self.mail.return_path));
            tag("ses:caller-identity", &self.mail.caller);
            if event.kind == Kind::Delivery {
                tag("ses:outgoing-ip", OWN_ADDRESS);
            }
        }
        self.mail.tags.iter().for_each(|(name, value)| tag(name, value));
        mail.insert("tags".into(), Json::Object(tags));
        json!({ "eventType": event.kind.name(), "mail": mail, event.kind.member(): event.detail })
    }

    /// The notification that an identity's topics get.
    pub(crate) fn notification(&self, event: &Event, with_headers: bool) -> Json {
        let mut mail = self.mail_object();
        mail.insert("sourceIp".into(), OWN_ADDRESS.into());
        mail.insert("callerIdentity".into(), self.mail.caller.as_str().into());
        if let Some(message) = self.message.filter(|_| with_headers) {
            self.put_headers(&mut mail, message);
        }
        json!({ "notificationType": event.kind.name(), "mail": mail, event.kind.member(): event.detail })
    }

    fn put_headers(&self, mail: &mut Map<String, Json>, message: &Message<'_>) {
        for (name, value) in mime::shown_headers(message, self.id) {
            mail.insert(name.to_owned(), value);
        }
    }

    fn mail_object(&self) -> Map<String, Json> {
        let mail = json!({
            "timestamp": iso(self.mail.at),
            "source": self.mail.source,
            "sourceArn": identity::arn(self.owner, &self.mail.identity),
            "sendingAccountId": self.owner.0,
            "messageId": self.id,
            "destination": self.mail.destination(),
        });
        match mail {
            Json::Object(mail) => mail,
            _ => Map::new(),
        }
    }
}

/// `2026-11-23T10:11:12.345Z`, of microseconds.
pub(crate) fn iso(micros: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000);
    time.ok().and_then(|time| time.format(format).ok()).unwrap_or_default()
}

/// The name of whoever asks, as events show it: the last part of an ARN.
pub(crate) fn caller_identity(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or_default()
}
