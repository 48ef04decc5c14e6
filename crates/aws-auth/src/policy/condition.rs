//! The `Condition` of a statement: operators over what is known about a request.

use std::net::IpAddr;

use serde_json::Value as Json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::pattern::{Pattern, arn_matches};
use super::{Keys, Malformed, Result, malformed};

/// One key of one operator, with the values it is held against.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    operator: Operator,
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Operator {
    /// How the values of a key that has several are taken together.
    set: Option<Set>,
    test: Test,
    negated: bool,
    /// A key that is absent passes.
    if_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    AnyValue,
    AllValues,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Text,
    TextIgnoringCase,
    TextLike,
    Arn,
    Number(Order),
    Date(Order),
    Bool,
    Binary,
    Ip,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn of<T: PartialOrd>(self, value: &T, against: &T) -> bool {
        match self {
            Self::Equal => value == against,
            Self::Less => value < against,
            Self::LessOrEqual => value <= against,
            Self::Greater => value > against,
            Self::GreaterOrEqual => value >= against,
        }
    }
}

impl Operator {
    /// `ForAnyValue:StringNotLikeIfExists` and its kin.
    fn parse(name: &str) -> Result<Self> {
        let (set, rest) = match name.split_once(':') {
            Some(("ForAnyValue", rest)) => (Some(Set::AnyValue), rest),
            Some(("ForAllValues", rest)) => (Some(Set::AllValues), rest),
            _ => (None, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (test, negated) = match base {
            "StringEquals" => (Test::Text, false),
            "StringNotEquals" => (Test::Text, true),
            "StringEqualsIgnoreCase" => (Test::TextIgnoringCase, false),
            "StringNotEqualsIgnoreCase" => (Test::TextIgnoringCase, true),
            "StringLike" => (Test::TextLike, false),
            "StringNotLike" => (Test::TextLike, true),
            // AWS says that the two behave identically.
            "ArnEquals" | "ArnLike" => (Test::Arn, false),
            "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
            "NumericEquals" => (Test::Number(Order::Equal), false),
            "NumericNotEquals" => (Test::Number(Order::Equal), true),
            "NumericLessThan" => (Test::Number(Order::Less), false),
            "NumericLessThanEquals" => (Test::Number(Order::LessOrEqual), false),
            "NumericGreaterThan" => (Test::Number(Order::Greater), false),
            "NumericGreaterThanEquals" => (Test::Number(Order::GreaterOrEqual), false),
            "DateEquals" => (Test::Date(Order::Equal), false),
            "DateNotEquals" => (Test::Date(Order::Equal), true),
            "DateLessThan" => (Test::Date(Order::Less), false),
            "DateLessThanEquals" => (Test::Date(Order::LessOrEqual), false),
            "DateGreaterThan" => (Test::Date(Order::Greater), false),
            "DateGreaterThanEquals" => (Test::Date(Order::GreaterOrEqual), false),
            "Bool" => (Test::Bool, false),
            "BinaryEquals" => (Test::Binary, false),
            "IpAddress" => (Test::Ip, false),
            "NotIpAddress" => (Test::Ip, true),
            "Null" if !if_exists && set.is_none() => (Test::Null, false),
            _ => return malformed(format!("Invalid Condition type : {name}.")),
        };
        Ok(Self { set, test, negated, if_exists })
    }
}

impl Condition {
    pub(super) fn parse_all(conditions: Option<&Json>) -> Result<Vec<Self>> {
        let syntax = || Malformed("Syntax errors in policy.".to_owned());
        let Some(conditions) = conditions else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for (name, keys) in conditions.as_object().ok_or_else(syntax)? {
            let operator = Operator::parse(name)?;
            for (key, values) in keys.as_object().ok_or_else(syntax)? {
                let values = match values {
                    Json::Array(values) => values.iter().map(scalar).collect::<Option<_>>(),
                    value => scalar(value).map(|value| vec![value]),
                };
                let values = values.filter(|values: &Vec<String>| !values.is_empty()).ok_or_else(syntax)?;
                if let Some(value) = values.iter().find(|value| !operator.test.takes(value)) {
                    return malformed(format!("Value {value} is not allowed for type {name}"));
                }
                if key.is_empty() {
                    return malformed(
                        "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
                    );
                }
                all.push(Self { operator, key: key.clone(), values });
            }
        }
        Ok(all)
    }

    /// Whether it is true of a request.
    pub(super) fn holds(&self, keys: &Keys, variables: bool) -> bool {
        let Operator { set, test, negated, if_exists } = self.operator;
        let known = keys.get(&self.key).filter(|values| !values.is_empty());
        if test == Test::Null {
            let absent = if known.is_none() { "true" } else { "false" };
            return self.values.iter().any(|value| value.eq_ignore_ascii_case(absent));
        }
        let Some(known) = known else {
            // What is not there is not what is forbidden; but of no value, none is any.
            return if_exists || set.map_or(negated, |set| set == Set::AllValues);
        };
        let passes = |value: &String| {
            let matched =
                self.values.iter().any(|against| test.matches(value, against, variables.then_some(keys)));
            matched != negated
        };
        match set {
            Some(Set::AnyValue) => known.iter().any(passes),
            Some(Set::AllValues) => known.iter().all(passes),
            None if negated => known.iter().all(passes),
            None => known.iter().any(passes),
        }
    }
}

/// A value of a condition: text, or a number or truth value that stands for its text.
fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

impl Test {
    /// Whether a policy may hold this against a request: what can't be read would be a condition that never holds, or
    /// always.
    fn takes(self, against: &str) -> bool {
        match self {
            Self::Number(_) => number(against).is_some(),
            Self::Date(_) => date(against).is_some(),
            Self::Bool | Self::Null => {
                against.eq_ignore_ascii_case("true") || against.eq_ignore_ascii_case("false")
            }
            Self::Ip => network(against).is_some(),
            Self::Text | Self::TextIgnoringCase | Self::TextLike | Self::Arn | Self::Binary => true,
        }
    }

    /// Whether a request's `value` is what the policy holds `against` it.
    fn matches(self, value: &str, against: &str, keys: Option<&Keys>) -> bool {
        let pattern = || match keys {
            Some(keys) => Pattern::expanded(against, keys),
            None => Some(Pattern::literal(against)),
        };
        match self {
            Self::Text => pattern().is_some_and(|pattern| pattern.text() == value),
            Self::TextIgnoringCase => {
                pattern().is_some_and(|pattern| pattern.text().to_lowercase() == value.to_lowercase())
            }
            Self::TextLike => pattern().is_some_and(|pattern| pattern.matches(value)),
            Self::Arn => arn_matches(against, value, keys),
            Self::Number(order) => compare(number, order, value, against),
            Self::Date(order) => compare(date, order, value, against),
            Self::Bool => value.eq_ignore_ascii_case(against),
            Self::Binary => value.trim_end_matches('=') == against.trim_end_matches('='),
            Self::Ip => network(against)
                .zip(value.parse().ok())
                .is_some_and(|(network, address)| network.contains(address)),
            Self::Null => unreachable!("asked before"),
        }
    }
}

/// What can't be read compares with nothing.
fn compare<T: PartialOrd>(read: fn(&str) -> Option<T>, order: Order, value: &str, against: &str) -> bool {
    read(value).zip(read(against)).is_some_and(|(value, against)| order.of(&value, &against))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// ISO 8601 with a time, a bare day, or seconds since the epoch.
fn date(text: &str) -> Option<i128> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(i128::from(seconds) * 1_000_000_000);
    }
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T00:00:00Z") };
    OffsetDateTime::parse(&whole, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp_nanos)
}

/// An address and how many of its leading bits count.
struct Network(IpAddr, u8);

fn network(text: &str) -> Option<Network> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(whole);
    (bits <= whole).then_some(Network(address, bits))
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        let Self(network, bits) = *self;
        let shared = |a: u128, b: u128, whole: u8| {
            let ignored = u32::from(whole - bits);
            a.checked_shr(ignored).unwrap_or(0) == b.checked_shr(ignored).unwrap_or(0)
        };
        match (network, address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => shared(u32::from(a).into(), u32::from(b).into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => shared(a.into(), b.into(), 128),
            _ => false,
        }
    }
}
