//! Filter criteria: which records a function is to see.

use aws_wire::{AwsError, Result};
use event_pattern::Pattern;
use serde_json::Value as Json;

/// Patterns, of which one has to match; none lets everything pass.
pub(crate) struct Filter(Vec<Pattern>);

impl Filter {
    /// # Errors
    /// Never for patterns that were checked when they were set.
    pub(crate) fn parse(patterns: &[String]) -> Result<Self> {
        let parse = |text: &String| {
            let document = serde_json::from_str::<Json>(text).map_err(AwsError::internal)?;
            Pattern::parse(&document).map_err(AwsError::internal)
        };
        Ok(Self(patterns.iter().map(parse).collect::<Result<_>>()?))
    }

    /// Whether a record is to be handed on. `seen` makes what patterns see of it, where there are any.
    pub(crate) fn passes(&self, seen: impl FnOnce() -> Json) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let seen = seen();
        self.0.iter().any(|pattern| pattern.matches(&seen))
    }
}

/// Whether a text is a pattern.
pub fn is_pattern(text: &str) -> bool {
    serde_json::from_str::<Json>(text).is_ok_and(|document| Pattern::parse(&document).is_ok())
}

/// What patterns see of a payload: its fields where it is JSON, else its text. A pattern of fields never matches text,
/// nor one of texts an object.
pub fn payload(text: &str) -> Json {
    match serde_json::from_str::<Json>(text) {
        Ok(json) if json.is_object() || json.is_array() => json,
        _ => Json::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_pattern_has_to_match() {
        let check = |patterns: &[&str], body: &str, expected: bool| {
            let patterns = patterns.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
            let filter = Filter::parse(&patterns).expect("patterns");
            assert_eq!(filter.passes(|| json!({ "body": payload(body) })), expected, "{patterns:?} {body}");
        };
        check(&[], "anything", true);
        let numbers = r#"{"body":{"n":[{"numeric":[">",5]}]}}"#;
        check(&[numbers], r#"{"n":6}"#, true);
        check(&[numbers], r#"{"n":5}"#, false);
        check(&[numbers], "6", false);
        check(&[numbers, r#"{"body":["6"]}"#], "6", true);
        check(&[r#"{"body":["6"]}"#], r#"{"n":6}"#, false);
    }
}
