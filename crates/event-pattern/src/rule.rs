//! What may be at a field: a value, or one comparison.

use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use crate::wildcard::{self, Wildcard};
use crate::{Malformed, malformed, parse_cidr};

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

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
        let Some((operator, operand)) = comparison.iter().next().filter(|_| comparison.len() == 1) else {
            return Err(malformed("Only one key allowed in match expression"));
        };
        let bad = || malformed(format!("{operator} match pattern is not valid"));
        let text = |operand: &Json| {
            operand.as_str().filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(bad)
        };
        Ok(match operator.as_str() {
            "prefix" => {
                let (text, ignoring_case) = affix(operand).ok_or_else(bad)?;
                Self::Prefix { text, ignoring_case }
            }
            "suffix" => {
                let (text, ignoring_case) = affix(operand).ok_or_else(bad)?;
                Self::Suffix { text, ignoring_case }
            }
            "equals-ignore-case" => Self::IgnoringCase(operand.as_str().ok_or_else(bad)?.to_lowercase()),
            "wildcard" => Self::Wildcard(wildcard::parse(&text(operand)?).ok_or_else(bad)?),
            "cidr" => {
                let (address, bits) = operand.as_str().and_then(parse_cidr).ok_or_else(bad)?;
                Self::Cidr(address, bits)
            }
            "exists" => Self::Exists(operand.as_bool().ok_or_else(bad)?),
            "numeric" => Self::Numeric(numeric(operand).ok_or_else(bad)?),
            "anything-but" => Self::AnythingBut(Self::parse_excluded(operand)?),
            _ => return Err(malformed(format!("Unrecognized match type {operator}"))),
        })
    }

    /// Values, or one comparison of texts with one or several.
    fn parse_excluded(operand: &Json) -> Result<Vec<Self>, Malformed> {
        let bad = || {
            malformed(
                "Value of anything-but must be an array, a string, a number or one comparison of strings.",
            )
        };
        let plain = |value: &Json| match value {
            Json::String(_) | Json::Number(_) => Self::parse(value),
            _ => Err(bad()),
        };
        match operand {
            Json::Array(values) if !values.is_empty() => values.iter().map(plain).collect(),
            Json::Object(comparison) => {
                let (operator, operand) =
                    comparison.iter().next().filter(|_| comparison.len() == 1).ok_or_else(bad)?;
                if !["prefix", "suffix", "equals-ignore-case", "wildcard"].contains(&operator.as_str()) {
                    return Err(bad());
                }
                let operands = match operand {
                    Json::Array(operands) if !operands.is_empty() => operands.iter().collect(),
                    operand => vec![operand],
                };
                let one = |operand: &Json| {
                    Self::parse_comparison(&Map::from_iter([(operator.clone(), operand.clone())]))
                };
                operands.into_iter().map(one).collect()
            }
            value => Ok(vec![plain(value)?]),
        }
    }

    /// Whether what is at the field matches; of an array, one element must.
    pub(crate) fn matches(&self, value: Option<&Json>) -> bool {
        match (self, value) {
            // Only of leaves can it be said that they exist.
            (Self::Exists(wanted), value) => value.is_some_and(|value| !value.is_object()) == *wanted,
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
                .is_some_and(|address| is_within(address, *block, *bits)),
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

impl Comparison {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "=" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => number == bound,
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

fn cased(text: &str, ignoring_case: bool) -> String {
    if ignoring_case { text.to_lowercase() } else { text.to_owned() }
}

/// A text, or one within `equals-ignore-case`.
fn affix(operand: &Json) -> Option<(String, bool)> {
    match operand {
        Json::String(text) if !text.is_empty() => Some((text.clone(), false)),
        Json::Object(inner) if inner.len() == 1 => {
            let text = inner.get("equals-ignore-case")?.as_str()?;
            Some((text.to_lowercase(), true))
        }
        _ => None,
    }
}

/// One comparison, or a lower and an upper bound.
fn numeric(operand: &Json) -> Option<Vec<(Comparison, f64)>> {
    let parts = operand.as_array().filter(|parts| matches!(parts.len(), 2 | 4))?;
    let pair = |pair: &[Json]| Some((Comparison::parse(pair[0].as_str()?)?, pair[1].as_f64()?));
    let bounds = parts.chunks(2).map(pair).collect::<Option<Vec<_>>>()?;
    if let [(lower, from), (upper, to)] = bounds.as_slice() {
        let lower = matches!(lower, Comparison::Greater | Comparison::GreaterOrEqual);
        let upper = matches!(upper, Comparison::Less | Comparison::LessOrEqual);
        return (lower && upper && from < to).then_some(bounds);
    }
    Some(bounds)
}

fn is_within(address: IpAddr, block: IpAddr, bits: u32) -> bool {
    match (address, block) {
        (IpAddr::V4(address), IpAddr::V4(block)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            u32::from(address) & mask == u32::from(block) & mask
        }
        (IpAddr::V6(address), IpAddr::V6(block)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            u128::from(address) & mask == u128::from(block) & mask
        }
        _ => false,
    }
}
