//! Filter patterns: which events are meant.
//!
//! - Terms: `a b` wants both, `?a ?b` one of them, `-c` none, `"a phrase"` its words as they stand, `%a.c%` a regular
//!   expression. Case counts.
//! - JSON: `{ $.status = 4* && ($.user.name = "x" || $.user NOT EXISTS) }`.
//! - Words between spaces: `[ip, ..., status = 4*, bytes > 100]`.

mod json;
mod lexer;
mod operand;
mod terms;
mod words;

use aws_wire::{AwsError, Result};

use api_logs::errors;

/// Regular expressions in one pattern.
const REGEXES_MAX: usize = 2;

#[derive(Debug)]
pub(crate) struct Pattern(Kind);

#[derive(Debug)]
enum Kind {
    Terms(terms::Terms),
    Json(json::Expression),
    Words(words::Words),
}

impl Pattern {
    /// # Errors
    /// 400 for what is no pattern.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let inside = |open: char, close: char| text.strip_prefix(open)?.strip_suffix(close);
        let (kind, regexes) = match text.chars().next() {
            Some('{') => {
                let tokens = inside('{', '}').and_then(lexer::tokens).ok_or_else(invalid)?;
                let regexes = lexer::regexes(&tokens);
                (Kind::Json(json::Expression::parse(tokens).ok_or_else(invalid)?), regexes)
            }
            Some('[') => {
                let tokens = inside('[', ']').and_then(lexer::tokens).ok_or_else(invalid)?;
                let regexes = lexer::regexes(&tokens);
                (Kind::Words(words::Words::parse(tokens).ok_or_else(invalid)?), regexes)
            }
            _ => {
                let terms = terms::Terms::parse(text).ok_or_else(invalid)?;
                let regexes = terms.regexes();
                (Kind::Terms(terms), regexes)
            }
        };
        if regexes > REGEXES_MAX {
            return Err(invalid());
        }
        Ok(Self(kind))
    }

    pub(crate) fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(expression) => expression.matches(message),
            Kind::Words(words) => words.matches(message),
        }
    }
}

fn invalid() -> AwsError {
    errors::invalid_parameter_exception("Invalid filter pattern")
}

#[cfg(test)]
mod tests;
