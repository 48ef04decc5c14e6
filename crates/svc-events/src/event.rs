//! An event as its targets get it.

use aws_wire::timestamp;
use env::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;
use serde_json::value::RawValue;

/// What makes an event; `text` writes it.
pub(crate) struct Draft<'a> {
    pub id: String,
    pub detail_type: &'a str,
    pub source: &'a str,
    pub account: &'a str,
    pub at: Timestamp,
    pub region: &'a str,
    pub resources: &'a [String],
    /// An object.
    pub detail: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Event<'a> {
    version: &'static str,
    id: &'a str,
    detail_type: &'a str,
    source: &'a str,
    account: &'a str,
    time: String,
    region: &'a str,
    resources: &'a [String],
    detail: Box<RawValue>,
}

impl Draft<'_> {
    /// The event; `None` when its detail is no JSON object, or nests deeper than it can be read again. Numbers in it
    /// stay as they were written.
    pub(crate) fn text(&self) -> Option<Box<RawValue>> {
        let detail = RawValue::from_string(self.detail.trim().to_owned()).ok()?;
        let detail =
            RawValue::from_string(compact(detail.get())).ok().filter(|it| it.get().starts_with('{'))?;
        let event = Event {
            version: "0",
            id: &self.id,
            detail_type: self.detail_type,
            source: self.source,
            account: self.account,
            time: timestamp::iso8601(Timestamp::from_secs(self.at.as_secs())),
            region: self.region,
            resources: self.resources,
            detail,
        };
        let text = serde_json::value::to_raw_value(&event).ok()?;
        serde_json::from_str::<Json>(text.get()).is_ok().then_some(text)
    }
}

/// JSON without the white space between its parts.
fn compact(json: &str) -> String {
    let (mut compacted, mut quoted, mut escaped) = (String::with_capacity(json.len()), false, false);
    for letter in json.chars() {
        if quoted || !letter.is_ascii_whitespace() {
            compacted.push(letter);
        }
        match letter {
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = quoted && letter == '\\' && !escaped;
    }
    compacted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_compacted_and_their_numbers_kept() {
        let check = |detail: &str, expected: Option<&str>| {
            let resources = ["r".to_owned()];
            let draft = Draft {
                id: "i".to_owned(),
                detail_type: "t\"",
                source: "s",
                account: "a",
                at: Timestamp::from_millis(1_795_428_672_345),
                region: "r",
                resources: &resources,
                detail,
            };
            let expected = expected.map(|detail| {
                let head =
                    r#"{"version":"0","id":"i","detail-type":"t\"","source":"s","account":"a","time":"#;
                format!(r#"{head}"2026-11-23T10:11:12Z","region":"r","resources":["r"],"detail":{detail}}}"#)
            });
            assert_eq!(draft.text().map(|text| text.get().to_owned()), expected, "{detail}");
        };
        check("{}", Some("{}"));
        check(
            " { \"a b\" : [ 1.0 , 12345678901234567890123 ] }\n",
            Some(r#"{"a b":[1.0,12345678901234567890123]}"#),
        );
        check(r#"{ "a": "x \" y \\" , "b" : 1 }"#, Some(r#"{"a":"x \" y \\","b":1}"#));
        check("[]", None);
        check("\"{}\"", None);
        check("{", None);
        check(&("{\"a\":".repeat(200) + "1" + &"}".repeat(200)), None);
        check("", None);
    }
}
