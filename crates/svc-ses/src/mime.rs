//! Mails as bytes: written from their parts, and read for what events and the mailbox say of them.

use bytes::Bytes;
use mail_builder::MessageBuilder;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;
use mail_parser::{Message, MessageParser};
use serde_json::{Value as Json, json};

use crate::address::Mailbox;
use crate::refusal::{Decision, Refusal};

/// Headers of a mail that an event shows; beyond, it says that there were more.
const HEADER_BYTES_MAX: usize = 10 * 1024;
/// Headers that SES writes itself, and that nobody may give.
const OWN_HEADERS: [&str; 12] = [
    "from",
    "to",
    "cc",
    "bcc",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "return-path",
];

/// Headers of a raw mail that SES reads and does not send on.
const TAKEN_AWAY: [&str; 5] =
    ["bcc", "message-id", "return-path", "x-ses-configuration-set", "x-ses-message-tags"];

/// What a mail is written from.
#[derive(Debug, Default)]
pub(crate) struct Letter<'a> {
    pub from: Option<&'a Mailbox>,
    pub to: &'a [Mailbox],
    pub cc: &'a [Mailbox],
    pub reply_to: &'a [Mailbox],
    pub subject: &'a str,
    pub text: Option<&'a str>,
    pub html: Option<&'a str>,
    pub headers: &'a [(String, String)],
    pub attachments: &'a [Attachment],
    pub message_id: &'a str,
    /// Of the region that sends.
    pub host: &'a str,
    /// In seconds.
    pub date: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub name: String,
    pub content_type: String,
    pub content: Bytes,
    pub inline: bool,
    pub content_id: Option<String>,
    pub description: Option<String>,
}

impl Letter<'_> {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = MessageBuilder::new()
            .message_id(format!("{}@{}", self.message_id, self.host))
            .date(Date::from(self.date));
        let from = self.from.map(std::slice::from_ref).unwrap_or_default();
        let lists = [("From", from), ("To", self.to), ("Cc", self.cc), ("Reply-To", self.reply_to)];
        for (name, mailboxes) in lists.into_iter().filter(|(_, mailboxes)| !mailboxes.is_empty()) {
            message = message.header(name, list(mailboxes));
        }
        message = message.header("Subject", Text::new(self.subject));
        for (name, value) in self.headers {
            message = message.header(name.as_str(), Text::new(value.as_str()));
        }
        let mut out = Vec::new();
        message.body(self.body()).serialize(&mut out);
        out
    }

    fn body(&self) -> MimePart<'_> {
        let text = self.text.map(|text| MimePart::new("text/plain", text));
        let html = self.html.map(|html| MimePart::new("text/html", html));
        let body = match (text, html) {
            (Some(text), Some(html)) => self.multipart("alternative", vec![text, html]),
            (text, html) => text.or(html).unwrap_or_else(|| MimePart::new("text/plain", "")),
        };
        if self.attachments.is_empty() {
            return body;
        }
        let parts = std::iter::once(body).chain(self.attachments.iter().map(part)).collect();
        self.multipart("mixed", parts)
    }

    /// With a boundary made of the message's id: nothing here draws randomness.
    fn multipart<'x>(&self, kind: &str, parts: Vec<MimePart<'x>>) -> MimePart<'x> {
        let boundary = format!("{kind}_{}", self.message_id);
        MimePart::new(ContentType::new(format!("multipart/{kind}")).attribute("boundary", boundary), parts)
    }
}

fn list(mailboxes: &[Mailbox]) -> Address<'_> {
    let one = |mailbox: &Mailbox| Address::new_address(mailbox.name.clone(), mailbox.address.clone());
    Address::new_list(mailboxes.iter().map(one).collect())
}

fn part(attachment: &Attachment) -> MimePart<'_> {
    let mut content_type = attachment.content_type.as_str();
    if content_type.is_empty() {
        content_type = "application/octet-stream";
    }
    let disposition = if attachment.inline { "inline" } else { "attachment" };
    let disposition = ContentType::new(disposition).attribute("filename", attachment.name.as_str());
    let mut part = MimePart::new(content_type, &attachment.content[..])
        .header("Content-Disposition", HeaderType::from(disposition));
    if let Some(id) = &attachment.content_id {
        part = part.header("Content-ID", HeaderType::from(Raw::new(format!("<{id}>"))));
    }
    if let Some(description) = &attachment.description {
        part = part.header("Content-Description", HeaderType::from(Text::new(description.as_str())));
    }
    part
}

/// Checks headers that a request adds.
///
/// # Errors
/// [`Refusal::Invalid`] for names and values that can't be, or that SES writes itself.
pub(crate) fn check_headers(headers: &[(String, String)]) -> Decision<()> {
    for (name, value) in headers {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        if !is_name || OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(Refusal::Invalid(format!("Invalid header name <{name}>.")));
        }
        if value.chars().any(char::is_control) {
            return Err(Refusal::Invalid(format!("Invalid header value <{value}>.")));
        }
    }
    Ok(())
}

pub(crate) fn parse(raw: &[u8]) -> Option<Message<'_>> {
    MessageParser::default().parse(raw)
}

/// Such as `Mon, 23 Nov 2026 10:11:12 +0000`, of seconds.
pub(crate) fn rfc822(seconds: i64) -> String {
    Date::from(seconds).to_rfc822()
}

/// A raw mail without its `Bcc`, with the id that SES gives it, and with a date if it had none.
pub(crate) fn restamped(raw: &[u8], message_id: &str, date: i64) -> Vec<u8> {
    let Some(message) = parse(raw) else { return raw.to_vec() };
    let (mut out, mut kept_from) = (Vec::with_capacity(raw.len() + 256), 0);
    out.extend_from_slice(format!("Message-ID: <{message_id}>\r\n").as_bytes());
    if message.date().is_none() {
        out.extend_from_slice(format!("Date: {}\r\n", rfc822(date)).as_bytes());
    }
    for header in message.headers() {
        let (start, end) = (header.offset_field() as usize, header.offset_end() as usize);
        if TAKEN_AWAY.contains(&header.name().to_ascii_lowercase().as_str()) {
            out.extend_from_slice(&raw[kept_from..start.max(kept_from)]);
            kept_from = end.max(kept_from);
        }
    }
    out.extend_from_slice(&raw[kept_from..]);
    out
}

/// The mail's headers as events show them: `headers`, `headersTruncated`, `commonHeaders`.
pub(crate) fn shown_headers(message: &Message<'_>, message_id: &str) -> [(&'static str, Json); 3] {
    let (mut headers, mut bytes, mut truncated) = (Vec::new(), 0, false);
    for (name, value) in message.headers_raw() {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        bytes += name.len() + value.len();
        if bytes > HEADER_BYTES_MAX {
            truncated = true;
            break;
        }
        headers.push(json!({ "name": name, "value": value }));
    }
    let mut common = serde_json::Map::new();
    let mut put = |name: &str, value: Json| common.insert(name.to_owned(), value);
    if let Some(path) = message.header_raw("Return-Path") {
        put("returnPath", path.trim().trim_matches(['<', '>']).into());
    }
    let lists = [
        ("from", message.from()),
        ("replyTo", message.reply_to()),
        ("to", message.to()),
        ("cc", message.cc()),
    ];
    for (name, list) in lists {
        let shown = list.into_iter().flat_map(mail_parser::Address::iter).map(shown_address);
        let shown = shown.collect::<Vec<Json>>();
        if !shown.is_empty() {
            put(name, shown.into());
        }
    }
    if let Some(date) = message.header_raw("Date") {
        put("date", date.trim().into());
    }
    put("messageId", message_id.into());
    if let Some(subject) = message.subject() {
        put("subject", subject.into());
    }
    [
        ("headersTruncated", truncated.into()),
        ("headers", headers.into()),
        ("commonHeaders", Json::Object(common)),
    ]
}

fn shown_address(address: &mail_parser::Addr<'_>) -> Json {
    let bare = address.address().unwrap_or_default();
    match address.name() {
        Some(name) => format!("{name} <{bare}>").into(),
        None => bare.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_written_and_read_again() {
        let from = Mailbox { name: Some("Jörg".into()), address: "j@b.c".into() };
        let to = [Mailbox { name: None, address: "a@b.c".into() }];
        let attachment = Attachment {
            name: "a.txt".into(),
            content_type: "text/plain".into(),
            content: Bytes::from_static(b"inside"),
            inline: false,
            content_id: None,
            description: None,
        };
        let letter = Letter {
            from: Some(&from),
            to: &to,
            subject: "Grüße",
            text: Some("plain"),
            html: Some("<b>rich</b>"),
            headers: &[("X-Own".to_owned(), "v".to_owned())],
            attachments: &[attachment],
            message_id: "id",
            host: "email.amazonses.com",
            date: 1_700_000_000,
            ..Letter::default()
        };
        let raw = letter.write();
        let message = parse(&raw).expect("a mail");
        assert_eq!(message.subject(), Some("Grüße"));
        assert_eq!(message.body_text(0).as_deref(), Some("plain"));
        assert_eq!(message.body_html(0).as_deref(), Some("<b>rich</b>"));
        assert_eq!(message.attachments().next().map(|part| part.contents()), Some(&b"inside"[..]));
        assert_eq!(message.header_raw("X-Own").map(str::trim), Some("v"));
        assert_eq!(raw, letter.write(), "nothing in it is drawn");
    }

    #[test]
    fn a_raw_mail_loses_its_blind_copies_and_gets_an_id() {
        let raw =
            b"From: a@b.c\r\nBcc: x@y.z,\r\n w@y.z\r\nTo: d@e.f\r\nMessage-ID: <old@x>\r\n\r\nBcc: body\r\n";
        let text = String::from_utf8(restamped(raw, "new@h", 0)).expect("text");
        assert_eq!(
            text,
            "Message-ID: <new@h>\r\nDate: Thu, 1 Jan 1970 00:00:00 +0000\r\nFrom: a@b.c\r\nTo: d@e.f\r\n\r\nBcc: body\r\n"
        );
    }
}
