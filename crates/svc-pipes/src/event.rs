//! An event on its way through a pipe, and what templates and paths make of it.

use std::borrow::Cow;

use aws_wire::{Result, timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use env::Timestamp;
use event_input::Path;
use event_sources::{SourceKind, payload};
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use crate::pipe::invalid;

/// Names that templates have beside paths
/// (docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-input-transformation.html).
const RESERVED: [&str; 8] = [
    "aws.pipes.pipe-arn",
    "aws.pipes.pipe-name",
    "aws.pipes.source-arn",
    "aws.pipes.enrichment-arn",
    "aws.pipes.target-arn",
    "aws.pipes.event.ingestion-time",
    "aws.pipes.event",
    "aws.pipes.event.json",
];

pub(crate) struct Event {
    /// As it came: a record of the source, or what the enrichment made of it.
    pub came: Json,
    /// With what is text or Base64 in a record read as JSON, where it is some.
    pub read: Json,
}

/// What every event of a pipe has in common.
pub(crate) struct Known<'a> {
    pub arn: &'a str,
    pub name: &'a str,
    pub source: &'a str,
    pub enrichment: &'a str,
    pub target: &'a str,
    pub taken: Timestamp,
}

impl Event {
    /// A record, as mappings' functions have it.
    pub(crate) fn of_record(kind: SourceKind, record: &str) -> Self {
        let mut came = serde_json::from_str::<Json>(record).unwrap_or_default();
        let mut read = came.clone();
        match kind {
            SourceKind::Sqs => {
                let body = came["body"].as_str().map(payload);
                read["body"] = body.unwrap_or_default();
            }
            SourceKind::Kinesis => {
                // Pipes have a record's own fields beside those that say where it is from.
                let Json::Object(fields) = came["kinesis"].take() else { return Self { came, read } };
                let mut flat = fields;
                let beside = came.as_object().cloned().unwrap_or_default();
                flat.extend(beside.into_iter().filter(|(name, _)| name != "kinesis"));
                came = Json::Object(flat);
                read = came.clone();
                let data = came["data"].as_str().and_then(|data| BASE64.decode(data).ok());
                read["data"] = data.map(|data| payload(&String::from_utf8_lossy(&data))).unwrap_or_default();
            }
            _ => {}
        }
        Self { came, read }
    }

    pub(crate) fn made(event: Json) -> Self {
        Self { read: event.clone(), came: event }
    }

    /// The text for whoever is next.
    pub(crate) fn text(&self, template: Option<&str>, known: &Known<'_>) -> String {
        match template {
            Some(template) => event_input::fill(template, is_letter, |name| self.value(name, known)),
            None => self.came.to_string(),
        }
    }

    /// As [`Event::text`], as an item of a list of JSON: what a template names alone stays what it is.
    pub(crate) fn item(&self, template: Option<&str>, known: &Known<'_>) -> String {
        let alone = template.and_then(|template| template.trim().strip_prefix('<')?.strip_suffix('>'));
        if let Some(name) = alone.filter(|name| name.chars().all(is_letter)) {
            return self.value(name, known).to_string();
        }
        let text = self.text(template, known);
        match serde_json::from_str::<IgnoredAny>(&text) {
            Ok(_) => text,
            Err(_) => Json::from(text).to_string(),
        }
    }

    fn value(&self, name: &str, known: &Known<'_>) -> Cow<'_, Json> {
        Cow::Owned(match name {
            "aws.pipes.pipe-arn" => known.arn.into(),
            "aws.pipes.pipe-name" => known.name.into(),
            "aws.pipes.source-arn" => known.source.into(),
            "aws.pipes.enrichment-arn" => known.enrichment.into(),
            "aws.pipes.target-arn" => known.target.into(),
            "aws.pipes.event.ingestion-time" => timestamp::iso8601(known.taken).into(),
            "aws.pipes.event" => return Cow::Borrowed(&self.came),
            "aws.pipes.event.json" => return Cow::Borrowed(&self.read),
            // What the event has not is an empty text, as in templates of rules.
            path if path.starts_with('$') => {
                Path::parse(path).and_then(|path| path.find(&self.read)).unwrap_or_else(|| "".into())
            }
            // Brackets of the text's own, such as HTML's.
            other => format!("<{other}>").into(),
        })
    }

    /// What a parameter of the target says: a text, or what the event has at a path. `None` when it has nothing there.
    pub(crate) fn parameter(&self, given: &str) -> Option<String> {
        if !given.starts_with("$.") {
            return Some(given.to_owned());
        }
        match Path::parse(given)?.find(&self.read)? {
            Json::Null => None,
            Json::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }
}

/// What names in templates consist of.
fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || "_-/:@$.[]*'".contains(letter)
}

/// # Errors
/// 400 for a name that is neither reserved nor a path.
pub(crate) fn check_template(template: Option<&str>) -> Result<()> {
    let known = |name: &&str| match name.starts_with('$') {
        true => Path::parse(name).is_some(),
        false => RESERVED.contains(name) || !name.starts_with("aws."),
    };
    match event_input::names(template.unwrap_or_default(), is_letter).find(|name| !known(name)) {
        Some(name) => Err(invalid(format!("InputTemplate refers to <{name}>, which is not valid."))),
        None => Ok(()),
    }
}

/// # Errors
/// 400 for what begins as a path and is none.
pub(crate) fn check_parameter(name: &str, given: Option<&str>) -> Result<()> {
    match given.filter(|given| given.starts_with("$.") && Path::parse(given).is_none()) {
        Some(path) => Err(invalid(format!("{name} is no valid JSON path: {path}."))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KNOWN: Known<'static> = Known {
        arn: "arn:p",
        name: "p",
        source: "arn:s",
        enrichment: "arn:e",
        target: "arn:t",
        taken: Timestamp::from_millis(1_795_428_672_345),
    };

    #[test]
    fn templates_see_into_bodies() {
        let record = json!({ "messageId": "m", "body": r#"{"n":1,"l":["a","b"],"s":"x y"}"#, "attributes": { "a": "1" } });
        let event = Event::of_record(SourceKind::Sqs, &record.to_string());
        let check = |template: &str, expected: &str| {
            assert_eq!(event.text(Some(template), &KNOWN), expected, "{template}");
        };
        check("<$.body.s>", "x y");
        check("<$.body>", r#"{"n":1,"l":["a","b"],"s":"x y"}"#);
        check(
            r#"{"n":<$.body.n>,"s":"<$.body.s>","second":<$.body.l[1]>}"#,
            r#"{"n":1,"s":"x y","second":"b"}"#,
        );
        check("\"Hello, <$.messageId>\"", "\"Hello, m\"");
        check("plain", "plain");
        check(r#"{"none":"<$.body.none>"}"#, r#"{"none":""}"#);
        check(
            r#"{"p":<aws.pipes.pipe-arn>,"n":"<aws.pipes.pipe-name>","at":<aws.pipes.event.ingestion-time>}"#,
            r#"{"p":"arn:p","n":"p","at":"2026-11-23T10:11:12.345Z"}"#,
        );
        check("<aws.pipes.event>", &record.to_string());
        assert_eq!(event.text(None, &KNOWN), record.to_string());
        assert_eq!(event.parameter("$.body.n").as_deref(), Some("1"));
        assert_eq!(event.parameter("fixed").as_deref(), Some("fixed"));
        assert_eq!(event.parameter("$.body.none"), None);
        let item = |template: &str| event.item(Some(template), &KNOWN);
        assert_eq!(item("<$.attributes.a>"), "\"1\"");
        assert_eq!(item("n is <$.body.n>"), "\"n is 1\"");
        assert_eq!(item(r#"{"n":<$.body.n>}"#), r#"{"n":1}"#);
        let text = Event::of_record(SourceKind::Sqs, r#"{"body":"no json"}"#);
        assert_eq!(text.text(Some("<$.body>"), &KNOWN), "no json");
    }

    #[test]
    fn kinesis_records_are_flat_and_their_data_is_read() {
        let record = json!({
            "kinesis": { "partitionKey": "k", "data": BASE64.encode(r#"{"n":1}"#) }, "eventID": "shard:1",
        });
        let event = Event::of_record(SourceKind::Kinesis, &record.to_string());
        assert_eq!(event.came, json!({ "partitionKey": "k", "data": "eyJuIjoxfQ==", "eventID": "shard:1" }));
        assert_eq!(event.text(Some("<$.data.n> <$.partitionKey>"), &KNOWN), "1 k");
    }

    #[test]
    fn templates_name_what_there_is() {
        for good in ["", "x", "<$.a.b[0]>", "<aws.pipes.event.json>", "<b>bold</b>", "a < b"] {
            assert!(check_template(Some(good)).is_ok(), "{good}");
        }
        for bad in ["<$.a[>", "<aws.pipes.nothing>", "<$a>"] {
            assert!(check_template(Some(bad)).is_err(), "{bad}");
        }
        assert!(check_parameter("PartitionKey", Some("$.a[")).is_err());
        assert!(check_parameter("PartitionKey", Some("$a")).is_ok());
    }
}
