//! Patterns of events, as SNS's filter policies, EventBridge's rules and event source mappings have them: read once,
//! then asked of many events. Nothing here knows a service; what a service allows less of, it checks itself.
//!
//! A pattern is an object of fields, each with a list of what may be there or with an object for fields of its own. A
//! field's list matches when one of it does; a pattern when all its fields do. Where an event has an array, one of its
//! elements has to match. [`Index`] asks many patterns at once.
//!
//! What is no pattern is refused in the words of AWS's own matcher, event-ruler, recorded from EventBridge; where in the
//! text it found the fault is not said.

mod bits;
pub mod cidr;
mod index;
mod numeric;
mod rule;
mod sieve;
mod values;
mod wildcard;

use serde_json::{Map, Value as Json};

pub use index::Index;
use rule::Rule;

/// How deep a pattern may nest.
const DEPTH_MAX: usize = 64;

/// What begins a comparison, and can't be a field's name within `$or`.
const COMPARISONS: [&str; 9] = [
    "exactly",
    "prefix",
    "suffix",
    "numeric",
    "anything-but",
    "exists",
    "cidr",
    "equals-ignore-case",
    "wildcard",
];

/// Why a document is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// A pattern that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(Fields);

#[derive(Clone, Debug, PartialEq)]
struct Fields {
    fields: Vec<(String, Field)>,
    /// Of each `$or`, one must match.
    either: Vec<Vec<Fields>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Field {
    OneOf(Vec<Rule>),
    Nested(Fields),
}

impl Pattern {
    /// # Errors
    /// For what is no pattern.
    pub fn parse(document: &Json) -> Result<Self, Malformed> {
        let Json::Object(fields) = document else { return Err(malformed("Filter is not an object")) };
        Ok(Self(parse_fields(fields, 0)?))
    }

    pub fn matches(&self, event: &Json) -> bool {
        event.as_object().is_some_and(|event| self.0.match_object(event))
    }

    /// How deep its fields nest: 1 when they are all at the top.
    pub fn depth(&self) -> usize {
        self.0.depth()
    }

    /// How many patterns without `$or` it stands for.
    pub fn alternatives(&self) -> usize {
        self.0.alternatives()
    }

    /// The number of its lists, and the product of their lengths, each times its depth: what services bound it by.
    pub fn size(&self) -> (usize, usize) {
        let mut lists = Vec::new();
        self.0.lists(1, &mut lists);
        let product =
            lists.iter().fold(1usize, |product, (length, depth)| product.saturating_mul(length * depth));
        (lists.len(), product)
    }
}

fn malformed(message: impl Into<String>) -> Malformed {
    Malformed(message.into())
}

fn parse_fields(object: &Map<String, Json>, depth: usize) -> Result<Fields, Malformed> {
    if depth > DEPTH_MAX {
        return Err(malformed("Pattern is nested too deeply"));
    }
    let mut parsed = Fields { fields: Vec::new(), either: Vec::new() };
    for (name, value) in object {
        match value {
            Json::Array(either) if name == "$or" && is_either(either) => {
                let either = either.iter().filter_map(Json::as_object);
                parsed
                    .either
                    .push(either.map(|fields| parse_fields(fields, depth + 1)).collect::<Result<_, _>>()?);
            }
            Json::Array(values) if values.is_empty() => {
                return Err(malformed("Empty arrays are not allowed"));
            }
            Json::Array(values) => {
                let rules = values.iter().map(Rule::parse).collect::<Result<_, _>>()?;
                parsed.fields.push((name.clone(), Field::OneOf(rules)));
            }
            Json::Object(fields) if fields.is_empty() => {
                return Err(malformed("Empty objects are not allowed"));
            }
            Json::Object(fields) => {
                parsed.fields.push((name.clone(), Field::Nested(parse_fields(fields, depth + 1)?)));
            }
            _ => return Err(malformed(format!("\"{name}\" must be an object or an array"))),
        }
    }
    Ok(parsed)
}

impl Fields {
    fn match_object(&self, event: &Map<String, Json>) -> bool {
        self.fields.iter().all(|(name, field)| field.matches(event.get(name)))
            && self.either.iter().all(|either| either.iter().any(|fields| fields.match_object(event)))
    }

    /// An object, or an array of which one object matches.
    fn match_value(&self, value: &Json) -> bool {
        match value {
            Json::Object(object) => self.match_object(object),
            Json::Array(items) => items.iter().any(|item| self.match_value(item)),
            _ => self.match_object(&Map::new()),
        }
    }

    fn depth(&self) -> usize {
        let own = self.fields.iter().map(|(_, field)| match field {
            Field::OneOf(_) => 1,
            Field::Nested(fields) => 1 + fields.depth(),
        });
        own.chain(self.either.iter().flatten().map(Self::depth)).max().unwrap_or(0)
    }

    fn alternatives(&self) -> usize {
        let nested = self.fields.iter().map(|(_, field)| match field {
            Field::OneOf(_) => 1,
            Field::Nested(fields) => fields.alternatives(),
        });
        let either = self.either.iter().map(|either| either.iter().map(Self::alternatives).sum());
        nested.chain(either).fold(1, usize::saturating_mul)
    }

    fn lists(&self, depth: usize, lists: &mut Vec<(usize, usize)>) {
        for (_, field) in &self.fields {
            match field {
                Field::OneOf(rules) => lists.push((rules.len(), depth)),
                Field::Nested(fields) => fields.lists(depth + 1, lists),
            }
        }
        self.either.iter().flatten().for_each(|fields| fields.lists(depth, lists));
    }
}

impl Field {
    fn matches(&self, value: Option<&Json>) -> bool {
        match (self, value) {
            (Self::OneOf(rules), value) => rules.iter().any(|rule| rule.matches(value)),
            (Self::Nested(fields), Some(value)) => fields.match_value(value),
            // Nothing is there: only rules that want nothing match.
            (Self::Nested(fields), None) => fields.match_object(&Map::new()),
        }
    }
}

/// Whether the list of a `$or` is one of patterns; any other is the list of a field of that name.
fn is_either(list: &[Json]) -> bool {
    let is_pattern =
        |fields: &Map<String, Json>| fields.keys().all(|name| !COMPARISONS.contains(&name.as_str()));
    list.len() >= 2 && list.iter().all(|item| item.as_object().is_some_and(is_pattern))
}

#[cfg(test)]
mod tests;
