//! Attribute values and items: from and to the wire, their order, their size as AWS counts it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use api_dynamodb::AttributeValue;
use aws_wire::{AwsError, Result, Wire as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::number::Number;

/// Lists and maps in each other.
const NESTING_MAX: usize = 32;
/// Bytes of an item, names included.
pub(crate) const ITEM_BYTES_MAX: usize = 400 * 1024;

/// Attributes by name.
pub(crate) type Item = BTreeMap<String, Attr>;
/// As the wire has them.
pub(crate) type WireItem = BTreeMap<String, AttributeValue>;

/// Bytes; stored as base64.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Binary(pub Bytes);

impl From<Binary> for String {
    fn from(binary: Binary) -> Self {
        BASE64.encode(&binary.0)
    }
}

impl TryFrom<String> for Binary {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(BASE64.decode(text)?.into()))
    }
}

impl fmt::Debug for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

/// One attribute's value. Stored as DynamoDB's own JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Attr {
    S(String),
    N(Number),
    B(Binary),
    Ss(BTreeSet<String>),
    Ns(BTreeSet<Number>),
    Bs(BTreeSet<Binary>),
    M(Item),
    L(Vec<Attr>),
    Null(bool),
    Bool(bool),
}

/// A refusal in the words that most parameters share.
pub(crate) fn wrong(what: impl fmt::Display) -> AwsError {
    AwsError::validation(format!("One or more parameter values were invalid: {what}"))
}

fn wrong_text(what: &str) -> String {
    format!("One or more parameter values were invalid: {what}")
}

fn collection(items: impl Iterator<Item = impl fmt::Display>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

impl Attr {
    /// # Errors
    /// DynamoDB's words for what is no value.
    pub(crate) fn from_wire(value: AttributeValue) -> Result<Self, String> {
        Self::from_wire_at(value, 0)
    }

    fn from_wire_at(value: AttributeValue, depth: usize) -> Result<Self, String> {
        if depth > NESTING_MAX {
            return Err("Nesting Levels have exceeded supported limits".to_owned());
        }
        let AttributeValue { s, n, b, ss, ns, bs, m, l, null, bool } = value;
        let mut found = Vec::new();
        if let Some(n) = n {
            found.push(Self::N(Number::parse(&n)?));
        }
        found.extend(s.map(Self::S));
        found.extend(b.map(|b| Self::B(Binary(b))));
        if let Some(null) = null {
            if !null {
                return Err(wrong_text("Null attribute value types must have the value of true"));
            }
            found.push(Self::Null(true));
        }
        found.extend(bool.map(Self::Bool));
        if let Some(ss) = ss {
            found.push(string_set(ss)?);
        }
        if let Some(ns) = ns {
            found.push(number_set(&ns)?);
        }
        if let Some(bs) = bs {
            found.push(binary_set(bs)?);
        }
        if let Some(m) = m {
            let members =
                m.into_iter().map(|(name, value)| Ok((name, Self::from_wire_at(value, depth + 1)?)));
            found.push(Self::M(members.collect::<Result<_, String>>()?));
        }
        if let Some(l) = l {
            let items = l.into_iter().map(|value| Self::from_wire_at(value, depth + 1));
            found.push(Self::L(items.collect::<Result<_, String>>()?));
        }
        let one = found
            .pop()
            .ok_or("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")?;
        if !found.is_empty() {
            return Err("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes".to_owned());
        }
        Ok(one)
    }

    pub(crate) fn into_wire(self) -> AttributeValue {
        let mut value = AttributeValue::default();
        match self {
            Self::S(s) => value.s = Some(s),
            Self::N(n) => value.n = Some(n.to_string()),
            Self::B(b) => value.b = Some(b.0),
            Self::Ss(ss) => value.ss = Some(ss.into_iter().collect()),
            Self::Ns(ns) => value.ns = Some(ns.into_iter().map(|n| n.to_string()).collect()),
            Self::Bs(bs) => value.bs = Some(bs.into_iter().map(|b| b.0).collect()),
            Self::M(m) => value.m = Some(to_wire(m)),
            Self::L(l) => value.l = Some(l.into_iter().map(Self::into_wire).collect()),
            Self::Null(null) => value.null = Some(null),
            Self::Bool(bool) => value.bool = Some(bool),
        }
        value
    }

    /// The type's name on the wire.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::B(_) => "B",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
            Self::M(_) => "M",
            Self::L(_) => "L",
            Self::Null(_) => "NULL",
            Self::Bool(_) => "BOOL",
        }
    }

    /// How two scalars of one type compare; `None` for all others.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::S(a), Self::S(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Self::N(a), Self::N(b)) => Some(a.cmp(b)),
            (Self::B(a), Self::B(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// Bytes as AWS counts them.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::S(s) => s.len(),
            Self::N(n) => n.size(),
            Self::B(b) => b.0.len(),
            Self::Ss(ss) => ss.iter().map(String::len).sum(),
            Self::Ns(ns) => ns.iter().map(|n| n.size()).sum(),
            Self::Bs(bs) => bs.iter().map(|b| b.0.len()).sum(),
            Self::M(m) => 3 + m.len() + size(m),
            Self::L(l) => 3 + l.iter().map(|value| 1 + value.size()).sum::<usize>(),
            Self::Null(_) | Self::Bool(_) => 1,
        }
    }

    /// How deep lists and maps nest in it.
    fn depth(&self) -> usize {
        match self {
            Self::M(m) => 1 + m.values().map(Self::depth).max().unwrap_or(0),
            Self::L(l) => 1 + l.iter().map(Self::depth).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// As it stands in AWS's error texts: `{S:a}`.
    pub(crate) fn shown(&self) -> String {
        let inside = match self {
            Self::S(s) => s.clone(),
            Self::N(n) => n.to_string(),
            Self::B(b) => format!("{b:?}"),
            Self::Bool(value) | Self::Null(value) => value.to_string(),
            Self::Ss(ss) => format!("[{}]", collection(ss.iter())),
            Self::Ns(ns) => format!("[{}]", collection(ns.iter())),
            Self::Bs(bs) => format!("[{}]", collection(bs.iter().map(|b| format!("{b:?}")))),
            Self::L(l) => format!("[{}]", collection(l.iter().map(Self::shown))),
            Self::M(m) => {
                format!("{{{}}}", collection(m.iter().map(|(name, v)| format!("{name}={}", v.shown()))))
            }
        };
        format!("{{{}:{inside}}}", self.kind())
    }
}

fn string_set(values: Vec<String>) -> Result<Attr, String> {
    if values.is_empty() {
        return Err(wrong_text("An string set  may not be empty"));
    }
    let set = values.iter().cloned().collect::<BTreeSet<_>>();
    if set.len() != values.len() {
        let all = collection(values.iter());
        return Err(wrong_text(&format!("Input collection [{all}] contains duplicates.")));
    }
    Ok(Attr::Ss(set))
}

fn number_set(values: &[String]) -> Result<Attr, String> {
    if values.is_empty() {
        return Err(wrong_text("An number set  may not be empty"));
    }
    let set = values.iter().map(|text| Number::parse(text)).collect::<Result<BTreeSet<_>, _>>()?;
    if set.len() != values.len() {
        return Err("Input collection contains duplicates".to_owned());
    }
    Ok(Attr::Ns(set))
}

fn binary_set(values: Vec<Bytes>) -> Result<Attr, String> {
    if values.is_empty() {
        return Err(wrong_text("Binary sets should not be empty"));
    }
    let set = values.iter().cloned().map(Binary).collect::<BTreeSet<_>>();
    if set.len() != values.len() {
        let all = collection(values.iter().map(|b| BASE64.encode(b)));
        return Err(wrong_text(&format!("Input collection [{all}]of type BS contains duplicates.")));
    }
    Ok(Attr::Bs(set))
}

/// # Errors
/// `ValidationException` for what is no item.
pub(crate) fn from_wire(item: WireItem) -> Result<Item> {
    let attributes = item.into_iter().map(|(name, value)| {
        if name.len() > u16::MAX as usize {
            return Err("One or more parameter values were invalid: Attribute name is too large, must be less than 65536 bytes".to_owned());
        }
        Ok((name, Attr::from_wire(value)?))
    });
    attributes.collect::<Result<_, String>>().map_err(AwsError::validation)
}

pub(crate) fn to_wire(item: Item) -> WireItem {
    item.into_iter().map(|(name, value)| (name, value.into_wire())).collect()
}

/// As the other API's types have it.
pub(crate) fn to_stream_wire(item: Item) -> BTreeMap<String, api_dynamodbstreams::AttributeValue> {
    // Both types come from one shape, so their values are laid out alike.
    let convert =
        |value: Attr| api_dynamodbstreams::AttributeValue::from_value(value.into_wire().into_value());
    item.into_iter().map(|(name, value)| (name, convert(value))).collect()
}

/// Bytes of an item as AWS counts them: names and values.
pub(crate) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// # Errors
/// `ValidationException` when an item nests too deeply.
pub(crate) fn check_depth(item: &Item) -> Result<()> {
    if item.values().any(|value| value.depth() > NESTING_MAX) {
        return Err(AwsError::validation("Nesting Levels have exceeded supported limits"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counted_as_aws_does() {
        let item = Item::from([
            ("id".to_owned(), Attr::S("ab".to_owned())),
            ("n".to_owned(), Attr::N(Number::whole(1234))),
            ("l".to_owned(), Attr::L(vec![Attr::Bool(true)])),
        ]);
        assert_eq!(size(&item), (2 + 2) + (1 + 3) + (1 + 3 + 2));
    }

    #[test]
    fn stored_values_stay_readable() {
        let stored = r#"{"a":{"S":"x"},"b":{"B":"AQI="},"c":{"NS":["-1","2.5"]},"d":{"NULL":true},"e":{"M":{"f":{"L":[{"BOOL":false},{"SS":["y"]}]}}}}"#;
        let item: Item = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&item).unwrap(), stored);
    }
}
