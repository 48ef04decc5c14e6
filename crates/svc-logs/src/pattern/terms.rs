//! Patterns of plain terms.

use fancy_regex::Regex;

use super::operand::regex;

#[derive(Debug, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(message).unwrap_or(false),
        }
    }
}

impl Terms {
    /// `None` for a quote that is not closed, and for what is no regular expression.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut terms = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let list = match rest.as_bytes()[0] {
                b'?' => &mut terms.any,
                b'-' => &mut terms.none,
                _ => &mut terms.all,
            };
            rest = rest.trim_start_matches(['?', '-']);
            let expression = rest.strip_prefix('%').and_then(|rest| rest.split_once('%'));
            let (term, after) = if let Some(quoted) = rest.strip_prefix('"') {
                let (text, after) = quoted.split_once('"')?;
                (Term::Text(text.to_owned()), after)
            } else if let Some((expression, after)) = expression {
                (Term::Regex(regex(expression)?), after)
            } else {
                let (text, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                (Term::Text(text.to_owned()), after)
            };
            if !matches!(&term, Term::Text(text) if text.is_empty()) {
                list.push(term);
            }
            rest = after.trim_start();
        }
        Some(terms)
    }

    pub(super) fn regexes(&self) -> usize {
        let terms = self.all.iter().chain(&self.any).chain(&self.none);
        terms.filter(|term| matches!(term, Term::Regex(_))).count()
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let has = |term: &Term| term.is_in(message);
        // With plain terms beside them, the alternatives count for nothing: AWS's documented behaviour.
        let any = self.any.is_empty() || !self.all.is_empty() || self.any.iter().any(has);
        self.all.iter().all(has) && any && !self.none.iter().any(has)
    }
}
