//! Filter patterns of plain terms: `a b` wants both, `?a ?b` one of them, `-c` none, `"a phrase"` its words as they
//! stand. Case counts. JSON, space-delimited and regular-expression patterns are not read yet, and refused.

use aws_wire::{AwsError, Result};

use api_logs::errors;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pattern {
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
}

impl Pattern {
    /// # Errors
    /// 400 for a quote that is not closed, 501 for the kinds of patterns that are not read yet.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if text.starts_with('{') || text.starts_with('[') || text.contains('%') {
            let kinds = "filterPattern of JSON, space-delimited or regular-expression kind";
            return Err(AwsError::parameter_not_implemented("FilterLogEvents", kinds));
        }
        let mut pattern = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let list = match rest.as_bytes()[0] {
                b'?' => &mut pattern.any,
                b'-' => &mut pattern.none,
                _ => &mut pattern.all,
            };
            rest = rest.trim_start_matches(['?', '-']);
            let (term, after) = match rest.strip_prefix('"') {
                Some(quoted) => quoted
                    .split_once('"')
                    .ok_or_else(|| errors::invalid_parameter_exception("Invalid filter pattern"))?,
                None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            };
            if !term.is_empty() {
                list.push(term.to_owned());
            }
            rest = after.trim_start();
        }
        Ok(pattern)
    }

    pub(crate) fn matches(&self, message: &str) -> bool {
        let has = |term: &String| message.contains(term.as_str());
        // With plain terms beside them, the alternatives count for nothing: AWS's documented behaviour.
        let any = self.any.is_empty() || !self.all.is_empty() || self.any.iter().any(has);
        self.all.iter().all(has) && any && !self.none.iter().any(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_match_as_awss() {
        let check = |pattern: &str, message: &str, expected: bool| {
            assert_eq!(
                Pattern::parse(pattern).expect("it is read").matches(message),
                expected,
                "{pattern} on {message}"
            );
        };
        check("", "anything", true);
        check("ERROR", "[ERROR] 12", true);
        check("ERROR", "[error] 12", false);
        check("ERROR 12", "[ERROR] 12", true);
        check("ERROR 13", "[ERROR] 12", false);
        check("?ERROR ?WARN", "a WARN", true);
        check("?ERROR ?WARN", "an INFO", false);
        check("ERROR -timeout", "ERROR timeout", false);
        check("\"INTERNAL SERVER\"", "an INTERNAL SERVER ERROR", true);
        check("\"INTERNAL SERVER\"", "SERVER INTERNAL", false);
        assert!(Pattern::parse("\"open").is_err());
        assert_eq!(Pattern::parse("{ $.a = 1 }").expect_err("not read yet").status, 501);
    }
}
