//! Numbers filed under values, which an event's own values find without a look at the others.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value as Json;

use crate::rule::Rule;
use crate::wildcard::{self, Wildcard};

/// What a value has to be like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Text(String),
    Number(u64),
    Null,
    Bool(bool),
    IgnoringCase(String),
    Prefix(String),
    Suffix(String),
}

#[derive(Debug, Default)]
pub(crate) struct Values {
    texts: HashMap<String, Vec<u32>>,
    ignoring_case: HashMap<String, Vec<u32>>,
    prefixes: HashMap<String, Vec<u32>>,
    suffixes: HashMap<String, Vec<u32>>,
    /// In bytes, of what is filed by its beginning or its end.
    prefix_lengths: BTreeSet<usize>,
    suffix_lengths: BTreeSet<usize>,
    /// Numbers, null, true and false.
    others: HashMap<Key, Vec<u32>>,
}

impl Key {
    /// Of a rule that holds for the values of one key and no others.
    pub(crate) fn of(rule: &Rule) -> Option<Self> {
        Some(match rule {
            Rule::Is(Json::String(text)) => Self::Text(text.clone()),
            Rule::Is(Json::Bool(value)) => Self::Bool(*value),
            Rule::Is(Json::Null) => Self::Null,
            Rule::Number(number) => Self::Number(bits(*number)),
            Rule::IgnoringCase(text) => Self::IgnoringCase(text.clone()),
            Rule::Prefix { text, ignoring_case: false } if !text.is_empty() => Self::Prefix(text.clone()),
            Rule::Suffix { text, ignoring_case: false } if !text.is_empty() => Self::Suffix(text.clone()),
            _ => return None,
        })
    }

    /// Of what a wildcard can hold for: texts with the letters before its first star or behind its last.
    pub(crate) fn of_end(wildcard: &Wildcard) -> Option<Self> {
        let (head, tail) = wildcard::ends(wildcard);
        match (head.is_empty(), tail.is_empty()) {
            (false, _) => Some(Self::Prefix(head)),
            (true, false) => Some(Self::Suffix(tail)),
            (true, true) => None,
        }
    }
}

/// One for each number: zero has two in floating point.
fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

impl Values {
    pub(crate) fn file(&mut self, key: &Key, number: u32) {
        let filed = match key {
            Key::Text(text) => self.texts.entry(text.clone()).or_default(),
            Key::IgnoringCase(text) => self.ignoring_case.entry(text.clone()).or_default(),
            Key::Prefix(text) => {
                self.prefix_lengths.insert(text.len());
                self.prefixes.entry(text.clone()).or_default()
            }
            Key::Suffix(text) => {
                self.suffix_lengths.insert(text.len());
                self.suffixes.entry(text.clone()).or_default()
            }
            Key::Number(_) | Key::Null | Key::Bool(_) => self.others.entry(key.clone()).or_default(),
        };
        filed.push(number);
    }

    /// What is filed under a value that is neither an object nor an array.
    pub(crate) fn find(&self, value: &Json, found: &mut impl FnMut(u32)) {
        let other = match value {
            Json::String(text) => return self.find_text(text, found),
            Json::Number(number) => number.as_f64().map(|number| Key::Number(bits(number))),
            Json::Null => Some(Key::Null),
            Json::Bool(value) => Some(Key::Bool(*value)),
            Json::Object(_) | Json::Array(_) => None,
        };
        other.and_then(|key| self.others.get(&key)).into_iter().flatten().copied().for_each(found);
    }

    fn find_text(&self, text: &str, found: &mut impl FnMut(u32)) {
        let mut tell = |filed: Option<&Vec<u32>>| filed.into_iter().flatten().copied().for_each(&mut *found);
        tell(self.texts.get(text));
        if !self.ignoring_case.is_empty() {
            tell(self.ignoring_case.get(&text.to_lowercase()));
        }
        for length in self.prefix_lengths.range(..=text.len()) {
            tell(text.get(..*length).and_then(|prefix| self.prefixes.get(prefix)));
        }
        for length in self.suffix_lengths.range(..=text.len()) {
            tell(text.get(text.len() - length..).and_then(|suffix| self.suffixes.get(suffix)));
        }
    }
}
