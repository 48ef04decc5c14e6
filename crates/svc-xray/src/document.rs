//! Segment documents: what is read of them, and which are refused.
//!
//! The format is X-Ray's; members that nothing here asks for stay in the text that is stored.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

/// Of one document, as AWS has it.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

/// A segment, or a subsegment that was sent by itself.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Document {
    pub name: String,
    pub id: String,
    pub trace_id: String,
    /// Seconds since the epoch.
    pub start_time: f64,
    /// Absent while it is in progress.
    pub end_time: Option<f64>,
    pub parent_id: Option<String>,
    #[serde(default)]
    pub in_progress: bool,
    #[serde(default)]
    pub fault: bool,
    #[serde(default)]
    pub error: bool,
    #[serde(default)]
    pub throttle: bool,
    /// Such as `AWS::Lambda::Function`.
    pub origin: Option<String>,
    /// `subsegment` for one that was sent by itself.
    pub r#type: Option<String>,
    pub user: Option<String>,
    pub resource_arn: Option<String>,
    #[serde(default)]
    pub http: HttpPart,
    #[serde(default)]
    pub annotations: BTreeMap<String, Json>,
    #[serde(default)]
    pub subsegments: Vec<Subsegment>,
}

/// What is read of a subsegment within a segment.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Subsegment {
    #[serde(default)]
    pub annotations: BTreeMap<String, Json>,
    #[serde(default)]
    pub subsegments: Vec<Subsegment>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct HttpPart {
    #[serde(default)]
    pub request: HttpRequest,
    #[serde(default)]
    pub response: HttpResponse,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct HttpRequest {
    pub method: Option<String>,
    pub url: Option<String>,
    pub user_agent: Option<String>,
    pub client_ip: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct HttpResponse {
    pub status: Option<i32>,
}

/// Why a document is not taken: X-Ray's code, and the document's id as far as it can be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub id: Option<String>,
    pub code: &'static str,
}

impl Document {
    /// Reads and checks one.
    pub(crate) fn read(text: &str) -> Result<Self, Rejected> {
        if text.len() > DOCUMENT_BYTES_MAX {
            return Err(Rejected { id: None, code: "DocumentTooLarge" });
        }
        let rejected = |code| {
            let id = serde_json::from_str::<Json>(text).ok();
            Rejected { id: id.and_then(|json| json["id"].as_str().map(str::to_owned)), code }
        };
        let document: Self = serde_json::from_str(text).map_err(|_| rejected("ParseError"))?;
        let code = match &document {
            Self { name, .. } if name.is_empty() || name.len() > 200 => "InvalidName",
            Self { id, .. } if !is_hex(id, 16) => "InvalidId",
            Self { trace_id, .. } if time_of(trace_id).is_none() => "InvalidTraceId",
            Self { start_time, .. } if !(0.0..1e11).contains(start_time) => "InvalidStartTime",
            Self { end_time: Some(end), start_time, .. } if end < start_time => "InvalidEndTime",
            Self { end_time: None, in_progress: false, .. } => "MissingEndTime",
            _ => return Ok(document),
        };
        Err(rejected(code))
    }

    /// Every annotation, its own and its subsegments'.
    pub(crate) fn annotations(&self) -> Vec<(&str, &Json)> {
        fn gather<'a>(subsegments: &'a [Subsegment], found: &mut Vec<(&'a str, &'a Json)>) {
            for subsegment in subsegments {
                found.extend(subsegment.annotations.iter().map(|(key, value)| (key.as_str(), value)));
                gather(&subsegment.subsegments, found);
            }
        }
        let mut found = self.annotations.iter().map(|(key, value)| (key.as_str(), value)).collect::<Vec<_>>();
        gather(&self.subsegments, &mut found);
        found
    }

    pub(crate) fn end(&self) -> f64 {
        self.end_time.unwrap_or(self.start_time)
    }
}

/// The seconds since the epoch that a trace's id, `1-5759e988-bd862e3fe1be46a994272793`, begins with.
pub(crate) fn time_of(trace_id: &str) -> Option<i64> {
    let (time, random) = trace_id.strip_prefix("1-")?.split_once('-')?;
    (is_hex(time, 8) && is_hex(random, 24)).then(|| i64::from_str_radix(time, 16).ok()).flatten()
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_or_rejected() {
        let check = |change: &str, expected: Option<&'static str>| {
            let whole = r#"{"name":"n","id":"70de5b6f19ff9a0a","trace_id":"1-581cf771-a006649127e371903a2de979","start_time":1478293361.271,"end_time":1478293361.449}"#;
            let (from, to) = change.split_once("=>").expect("a change");
            let text = whole.replacen(from, to, 1);
            assert_eq!(Document::read(&text).err().map(|rejected| rejected.code), expected, "{text}");
        };
        check("x=>x", None);
        check(r#","end_time":1478293361.449=>,"in_progress":true"#, None);
        check(r#","end_time":1478293361.449=>"#, Some("MissingEndTime"));
        check("1478293361.449=>1", Some("InvalidEndTime"));
        check("70de=>70DE", Some("InvalidId"));
        check("1-581=>2-581", Some("InvalidTraceId"));
        check(r#""n"=>"""#, Some("InvalidName"));
        check("1478293361.271=>-1", Some("InvalidStartTime"));
        check(r#"{"name"=>{name"#, Some("ParseError"));
        let large = format!("{{\"name\":\"{}\"}}", "n".repeat(DOCUMENT_BYTES_MAX));
        assert_eq!(Document::read(&large).err(), Some(Rejected { id: None, code: "DocumentTooLarge" }));
        let unknown = Document::read(r#"{"id":"70de5b6f19ff9a0a"}"#).err();
        assert_eq!(unknown.and_then(|rejected| rejected.id).as_deref(), Some("70de5b6f19ff9a0a"));
    }
}
