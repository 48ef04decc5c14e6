//! What a target is sent: the event, a part of it, a text of the target's own, or a template filled in.

use std::borrow::Cow;
use std::collections::BTreeMap;

use aws_wire::timestamp;
use env::Timestamp;
use event_input::Path;
use serde_json::Value as Json;

use crate::target::Target;

/// Names that templates have without saying where from.
const PREDEFINED: [&str; 5] = [
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event.ingestion-time",
    "aws.events.event",
    "aws.events.event.json",
];

/// What a template can tell.
pub(crate) struct Known<'a> {
    pub rule_arn: &'a str,
    pub rule_name: &'a str,
    pub received: Timestamp,
    /// As it was sent.
    pub text: &'a str,
    pub event: &'a Json,
}

/// The text for one target.
pub(crate) fn of_target(target: &Target, known: &Known<'_>) -> String {
    if let Some(input) = &target.input {
        return input.clone();
    }
    if let Some(path) = target.input_path.as_deref().filter(|path| *path != "$") {
        let found = Path::parse(path).and_then(|path| path.find(known.event));
        return found.unwrap_or(Json::Null).to_string();
    }
    match &target.transformer {
        Some(transformer) => fill(&transformer.template, &transformer.paths, known),
        None => known.text.to_owned(),
    }
}

/// The names that a template has in angle brackets.
pub(crate) fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    event_input::names(template, is_letter)
}

pub(crate) fn is_predefined(name: &str) -> bool {
    PREDEFINED.contains(&name)
}

fn is_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-.".contains(letter)
}

/// What the event has not is an empty text.
fn fill(template: &str, paths: &BTreeMap<String, String>, known: &Known<'_>) -> String {
    event_input::fill(template, is_letter, |name| value(name, paths, known))
}

fn value<'a>(name: &str, paths: &BTreeMap<String, String>, known: &Known<'a>) -> Cow<'a, Json> {
    Cow::Owned(match name {
        "aws.events.rule-arn" => known.rule_arn.into(),
        "aws.events.rule-name" => known.rule_name.into(),
        "aws.events.event.ingestion-time" => timestamp::iso8601(known.received).into(),
        "aws.events.event.json" => return Cow::Borrowed(known.event),
        "aws.events.event" => {
            let mut event = known.event.clone();
            event.as_object_mut().and_then(|event| event.shift_remove("detail"));
            event
        }
        name => {
            let path = paths.get(name).and_then(|path| Path::parse(path));
            path.and_then(|path| path.find(known.event)).unwrap_or_else(|| "".into())
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates() {
        let event = json!({
            "id": "i", "time": "2015-11-11T21:29:54Z", "detail-type": "t",
            "detail": { "instance": "i-0123", "state": "RUNNING", "n": 1.5, "on": true, "none": null,
                        "said": "a \"b\"\nc", "tags": { "k": ["v", 1] } },
        });
        let text = event.to_string();
        let paths = ["instance", "state", "n", "on", "none", "said", "tags", "missing"];
        let paths = paths.map(|name| (name.to_owned(), format!("$.detail.{name}")));
        let check = |template: &str, expected: &str| {
            let known = Known {
                rule_arn: "arn:r",
                rule_name: "r",
                received: Timestamp::from_millis(1_795_428_672_345),
                text: &text,
                event: &event,
            };
            assert_eq!(fill(template, &paths.clone().into(), &known), expected, "{template}");
        };
        // AWS's documented examples.
        check(r#""instance <instance> is in <state>""#, r#""instance i-0123 is in RUNNING""#);
        check(
            r#"{"instance":<instance>,"state":"<state>","at":"<instance> is \"<state>\""}"#,
            r#"{"instance":"i-0123","state":"RUNNING","at":"i-0123 is \"RUNNING\""}"#,
        );
        check("\"<instance>\"\n\"<state>\"", "\"i-0123\"\n\"RUNNING\"");
        check("<instance> is in state <state>", "i-0123 is in state RUNNING");
        check(
            r#"{"a":<n>,"b":<on>,"c":<none>,"d":<tags>}"#,
            r#"{"a":1.5,"b":true,"c":null,"d":{"k":["v",1]}}"#,
        );
        check(r#""tags are <tags>, n is <n>""#, r#""tags are {k:[v,1]}, n is 1.5""#);
        check(r#"{"a":"<said>","b":<said>}"#, r#"{"a":"a \"b\"\nc","b":"a \"b\"\nc"}"#);
        check(
            r#"{"a":"x <missing>","b":<missing>,"c":[<n>, <state>]}"#,
            r#"{"a":"x ","b":"","c":[1.5, "RUNNING"]}"#,
        );
        check(
            r#"{"rule":<aws.events.rule-arn>,"name":"<aws.events.rule-name>","at":<aws.events.event.ingestion-time>}"#,
            r#"{"rule":"arn:r","name":"r","at":"2026-11-23T10:11:12.345Z"}"#,
        );
        check(
            r#"{"e":<aws.events.event>}"#,
            r#"{"e":{"id":"i","time":"2015-11-11T21:29:54Z","detail-type":"t"}}"#,
        );
        check("<aws.events.event.json>", &text);
        check("a < b <é> <<n>", "a < b <é> <1.5");
        check("ü<n>ü", "ü1.5ü");
    }
}
