//! What may be at a field: a value, or one comparison.

use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use crate::numeric::{self, Comparison};
use crate::wildcard::{self, Wildcard};
use crate::{Malformed, cidr, malformed};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rule {
    /// A text, true, false or null.
    Is(Json),
    Number(f64),
    Prefix {
        text: String,
        ignoring_case: bool,
    },
    Suffix {
        text: String,
        ignoring_case: bool,
    },
    IgnoringCase(String),
    Wildcard(Wildcard),
    Cidr(IpAddr, u32),
    Numeric(Vec<(Comparison, f64)>),
    Exists(bool),
    /// None of these; something must be there.
    AnythingBut(Vec<Rule>),
}

const NOT_EXACT: &str = "exact match pattern must be a string";
const NOT_EXCLUDED: &str = "Value of anything-but must be an array or single string/number value.";

impl Rule {
    pub(crate) fn parse(value: &Json) -> Result<Self, Malformed> {
        match value {
            Json::Object(comparison) => Self::parse_comparison(comparison),
            Json::Array(_) => Err(malformed("Match value must be String, number, true, false, or null")),
            Json::Number(number) => number.as_f64().map(Self::Number).ok_or_else(|| malformed("Bad number")),
            value => Ok(Self::Is(value.clone())),
        }
    }

    fn parse_comparison(comparison: &Map<String, Json>) -> Result<Self, Malformed> {
        let Some((operator, operand)) = comparison.iter().next() else {
            return Err(malformed("Match expression name not found"));
        };
        if comparison.len() > 1 {
            return Err(malformed("Only one key allowed in match expression"));
        }
        let not_text = || malformed(format!("{operator} match pattern must be a string"));
        let text = || operand.as_str().ok_or_else(not_text);
        Ok(match operator.as_str() {
            "exactly" => Self::Is(operand.as_str().ok_or_else(|| malformed(NOT_EXACT))?.into()),
            "prefix" => {
                let (text, ignoring_case) = affix(operand).ok_or_else(not_text)?;
                Self::Prefix { text, ignoring_case }
            }
            "suffix" => {
                let (text, ignoring_case) = affix(operand).ok_or_else(not_text)?;
                Self::Suffix { text, ignoring_case }
            }
            "equals-ignore-case" => Self::IgnoringCase(text()?.to_lowercase()),
            "wildcard" => Self::Wildcard(wildcard::parse(text()?).map_err(Malformed)?),
            "cidr" => {
                // AWS says "prefix" here too.
                let text =
                    operand.as_str().ok_or_else(|| malformed("prefix match pattern must be a string"))?;
                let (address, bits) = cidr::parse(text).map_err(Malformed)?;
                Self::Cidr(address, bits)
            }
            "exists" => Self::Exists(
                operand
                    .as_bool()
                    .ok_or_else(|| malformed("exists match pattern must be either true or false."))?,
            ),
            "numeric" => Self::Numeric(numeric::parse(operand).map_err(Malformed)?),
            "anything-but" => Self::AnythingBut(Self::parse_excluded(operand)?),
            _ => return Err(malformed(format!("Unrecognized match type {operator}"))),
        })
    }

    /// Values of one kind, or one comparison of texts with one or several.
    fn parse_excluded(operand: &Json) -> Result<Vec<Self>, Malformed> {
        match operand {
            Json::Array(values) => {
                if !values.iter().all(|value| value.is_string() || value.is_number()) {
                    return Err(malformed("Inside anything but list, start|null|boolean is not supported."));
                }
                let texts = values.iter().filter(|value| value.is_string()).count();
                if values.is_empty() || (texts > 0 && texts < values.len()) {
                    return Err(malformed(
                        "Inside anything but list, either all values are number or string, mixed type is not \
                         supported",
                    ));
                }
                values.iter().map(Self::parse).collect()
            }
            Json::Object(comparison) => {
                let Some((operator, operand)) = comparison.iter().next() else {
                    return Err(malformed("Anything-But expression name not found"));
                };
                if comparison.len() > 1 {
                    return Err(malformed("Only one key allowed in match expression"));
                }
                Self::parse_excluded_comparison(operator, operand)
            }
            Json::String(_) | Json::Number(_) => Ok(vec![Self::parse(operand)?]),
            _ => Err(malformed(NOT_EXCLUDED)),
        }
    }

    fn parse_excluded_comparison(operator: &str, operand: &Json) -> Result<Vec<Self>, Malformed> {
        let not_text = match operator {
            "prefix" | "suffix" => "prefix/suffix match pattern must be a string",
            "wildcard" => "wildcard match pattern must be a string",
            "equals-ignore-case" => {
                "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
            }
            _ => return Err(malformed(format!("Unsupported anything-but pattern: {operator}"))),
        };
        let operands = match operand {
            Json::Array(operands) => operands.iter().collect(),
            Json::Object(_) => return Err(malformed(NOT_EXCLUDED)),
            operand => vec![operand],
        };
        if operands.is_empty() {
            return Err(malformed("Empty arrays are not allowed"));
        }
        let one = |operand: &Json| match operand.as_str() {
            None => Err(malformed(not_text)),
            Some("") if matches!(operator, "prefix" | "suffix") => {
                Err(malformed("Null prefix/suffix not allowed"))
            }
            Some(_) => Self::parse_comparison(&Map::from_iter([(operator.to_owned(), operand.clone())])),
        };
        operands.into_iter().map(one).collect()
    }

    /// Whether what is at the field matches; of an array, one element must.
    pub(crate) fn matches(&self, value: Option<&Json>) -> bool {
        match (self, value) {
            (Self::Exists(wanted), value) => value.is_some_and(has_leaf) == *wanted,
            (_, None) => false,
            (Self::AnythingBut(_), Some(Json::Array(items))) => {
                items.iter().any(|item| self.matches(Some(item)))
            }
            (_, Some(Json::Array(items))) => items.iter().any(|item| self.matches(Some(item))),
            (_, Some(value)) => self.matches_one(value),
        }
    }

    fn matches_one(&self, value: &Json) -> bool {
        let text = value.as_str();
        match self {
            Self::Is(wanted) => wanted == value,
            Self::Number(wanted) => value.as_f64().is_some_and(|number| number == *wanted),
            Self::Prefix { text: prefix, ignoring_case } => {
                text.is_some_and(|text| cased(text, *ignoring_case).starts_with(prefix.as_str()))
            }
            Self::Suffix { text: suffix, ignoring_case } => {
                text.is_some_and(|text| cased(text, *ignoring_case).ends_with(suffix.as_str()))
            }
            Self::IgnoringCase(wanted) => text.is_some_and(|text| text.to_lowercase() == *wanted),
            Self::Wildcard(pattern) => text.is_some_and(|text| wildcard::matches(pattern, text)),
            Self::Cidr(block, bits) => text
                .and_then(|text| text.parse().ok())
                .is_some_and(|address| cidr::is_within(address, *block, *bits)),
            Self::Numeric(bounds) => value
                .as_f64()
                .is_some_and(|number| bounds.iter().all(|(how, bound)| how.holds(number, *bound))),
            Self::AnythingBut(excluded) => {
                !value.is_object() && excluded.iter().all(|rule| !rule.matches_one(value))
            }
            Self::Exists(_) => false,
        }
    }
}

fn cased(text: &str, ignoring_case: bool) -> String {
    if ignoring_case { text.to_lowercase() } else { text.to_owned() }
}

/// A text, or one within `equals-ignore-case`.
fn affix(operand: &Json) -> Option<(String, bool)> {
    match operand {
        Json::String(text) => Some((text.clone(), false)),
        Json::Object(inner) if inner.len() == 1 => {
            let text = inner.get("equals-ignore-case")?.as_str()?;
            Some((text.to_lowercase(), true))
        }
        _ => None,
    }
}

/// Only of leaves can it be said that they exist: an array has one if one of its elements does.
fn has_leaf(value: &Json) -> bool {
    match value {
        Json::Object(_) => false,
        Json::Array(items) => items.iter().any(has_leaf),
        _ => true,
    }
}
