//! Key conditions: one value of the partition key, and a stretch of the sort keys.

use aws_wire::{AwsError, Result};

use super::condition::{Comparison, Condition, Operand};
use super::{Path, Scope};
use crate::keys::{after_prefix, partition, sort_bytes};
use crate::table::{KeyPart, Schema, is_of};
use crate::value::{Attr, wrong};

/// What is asked of one key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    Eq(Attr),
    Lt(Attr),
    Le(Attr),
    Gt(Attr),
    Ge(Attr),
    Between(Attr, Attr),
    BeginsWith(Attr),
}

impl Wanted {
    fn values(&self) -> Vec<&Attr> {
        match self {
            Self::Eq(value) | Self::Lt(value) | Self::Le(value) | Self::Gt(value) | Self::Ge(value) => {
                vec![value]
            }
            Self::BeginsWith(value) => vec![value],
            Self::Between(low, high) => vec![low, high],
        }
    }
}

/// Where a query reads: sort keys from `start` on, below `end`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stretch {
    pub hash: Attr,
    pub partition: [u8; 16],
    pub start: Vec<u8>,
    pub end: Option<Vec<u8>>,
}

/// The wanted keys of an expression, by attribute.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn parse(text: &str, scope: &mut Scope) -> Result<Vec<(String, Wanted)>> {
    let condition = Condition::parse("KeyConditionExpression", text, scope)?;
    let parts = match condition {
        Condition::All(parts) => parts,
        one => vec![one],
    };
    let mut wanted: Vec<(String, Wanted)> = Vec::new();
    for part in parts.into_iter().flat_map(flat) {
        let (path, one) = convert(part)?;
        if path.0.len() > 1 {
            return Err(AwsError::validation(
                "KeyConditionExpressions cannot have conditions on nested attributes",
            ));
        }
        if wanted.iter().any(|(name, _)| name == path.head()) {
            return Err(AwsError::validation(
                "KeyConditionExpressions must only contain one condition per key",
            ));
        }
        wanted.push((path.head().to_owned(), one));
    }
    Ok(wanted)
}

fn flat(condition: Condition) -> Vec<Condition> {
    match condition {
        Condition::All(parts) => parts.into_iter().flat_map(flat).collect(),
        one => vec![one],
    }
}

fn convert(condition: Condition) -> Result<(Path, Wanted)> {
    let bad = |operator: &str| {
        Err(AwsError::validation(format!("Invalid operator used in KeyConditionExpression: {operator}")))
    };
    match condition {
        Condition::Any(_) => bad("OR"),
        Condition::Not(_) => bad("NOT"),
        Condition::In(..) => bad("IN"),
        Condition::Exists(_) => bad("attribute_exists"),
        Condition::NotExists(_) => bad("attribute_not_exists"),
        Condition::HasType(..) => bad("attribute_type"),
        Condition::Contains(..) => bad("contains"),
        Condition::Compare(Comparison::Ne, ..) => bad("<>"),
        Condition::All(_) => bad("AND"),
        Condition::Compare(comparison, left, right) => compare(comparison, left, right),
        Condition::Between(Operand::Path(path), Operand::Value(low), Operand::Value(high)) => {
            Ok((path, Wanted::Between(low, high)))
        }
        Condition::BeginsWith(Operand::Path(path), Operand::Value(prefix)) => {
            Ok((path, Wanted::BeginsWith(prefix)))
        }
        Condition::Between(first, low, high) => Err(misplaced("BETWEEN", &first, &[&low, &high])),
        Condition::BeginsWith(first, prefix) => Err(misplaced("begins_with", &first, &[&prefix])),
    }
}

fn misplaced(operator: &str, first: &Operand, others: &[&Operand]) -> AwsError {
    let nested = std::iter::once(first).chain(others.iter().copied()).any(|o| matches!(o, Operand::Size(_)));
    AwsError::validation(if nested {
        "KeyConditionExpressions cannot contain nested operations".to_owned()
    } else if matches!(first, Operand::Path(_)) {
        "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"
            .to_owned()
    } else {
        format!(
            "Invalid condition in KeyConditionExpression: {operator} operator must have the key attribute as its first operand"
        )
    })
}

fn compare(comparison: Comparison, left: Operand, right: Operand) -> Result<(Path, Wanted)> {
    let (path, value, turned) = match (left, right) {
        (Operand::Path(path), Operand::Value(value)) => (path, value, false),
        (Operand::Value(value), Operand::Path(path)) => (path, value, true),
        (Operand::Size(_), _) | (_, Operand::Size(_)) => {
            return Err(AwsError::validation("KeyConditionExpressions cannot contain nested operations"));
        }
        (Operand::Path(_), Operand::Path(_)) => {
            return Err(AwsError::validation(
                "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
            ));
        }
        (Operand::Value(_), Operand::Value(_)) => {
            return Err(AwsError::validation(
                "Invalid condition in KeyConditionExpression: No key attribute specified",
            ));
        }
    };
    let wanted = match (comparison, turned) {
        (Comparison::Lt, false) | (Comparison::Gt, true) => Wanted::Lt(value),
        (Comparison::Le, false) | (Comparison::Ge, true) => Wanted::Le(value),
        (Comparison::Gt, false) | (Comparison::Lt, true) => Wanted::Gt(value),
        (Comparison::Ge, false) | (Comparison::Le, true) => Wanted::Ge(value),
        _ => Wanted::Eq(value),
    };
    Ok((path, wanted))
}

/// The stretch that is wanted of a table or an index with this schema.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn stretch(schema: &Schema, mut wanted: Vec<(String, Wanted)>) -> Result<Stretch> {
    if wanted.len() > 2 {
        return Err(AwsError::validation("Conditions can be of length 1 or 2 only"));
    }
    let mut take = |part: &KeyPart| {
        let at = wanted.iter().position(|(name, _)| *name == part.name)?;
        Some(wanted.remove(at).1)
    };
    let hash = take(&schema.hash);
    let range = schema.range.as_ref().and_then(&mut take);
    let Some(hash) = hash else { return Err(missed(&schema.hash.name)) };
    if !wanted.is_empty() {
        return Err(match &schema.range {
            Some(part) if range.is_none() => missed(&part.name),
            _ => AwsError::validation("Query key condition not supported"),
        });
    }
    for (part, wanted) in [(Some(&schema.hash), Some(&hash)), (schema.range.as_ref(), range.as_ref())] {
        let (Some(part), Some(wanted)) = (part, wanted) else { continue };
        check_kinds(part, wanted)?;
    }
    let Wanted::Eq(hash) = hash else {
        return Err(AwsError::validation("Query key condition not supported"));
    };
    let (start, end) = range.map_or((Vec::new(), None), bounds);
    Ok(Stretch { partition: partition(&hash), hash, start, end })
}

fn missed(name: &str) -> AwsError {
    AwsError::validation(format!("Query condition missed key schema element: {name}"))
}

fn check_kinds(part: &KeyPart, wanted: &Wanted) -> Result<()> {
    for value in wanted.values() {
        if !is_of(value, part.kind) {
            return Err(wrong("Condition parameter type does not match schema type"));
        }
        let empty = match value {
            Attr::S(text) => text.is_empty(),
            Attr::B(bytes) => bytes.0.is_empty(),
            _ => false,
        };
        if empty {
            let kind = if matches!(value, Attr::S(_)) { "string" } else { "binary" };
            return Err(AwsError::validation(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {}",
                part.name
            )));
        }
    }
    if matches!(wanted, Wanted::BeginsWith(Attr::N(_))) {
        return Err(wrong("ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type"));
    }
    Ok(())
}

/// The least bytes above those of a whole key.
fn above(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.push(0xff);
    bytes
}

fn bounds(wanted: Wanted) -> (Vec<u8>, Option<Vec<u8>>) {
    // A key's rows may go on after its sort key, always below another sort key: none is a prefix of another.
    match wanted {
        Wanted::Eq(value) => (sort_bytes(&value), Some(next(sort_bytes(&value)))),
        Wanted::Lt(value) => (Vec::new(), Some(sort_bytes(&value))),
        Wanted::Le(value) => (Vec::new(), Some(next(sort_bytes(&value)))),
        Wanted::Gt(value) => (next(sort_bytes(&value)), None),
        Wanted::Ge(value) => (sort_bytes(&value), None),
        Wanted::Between(low, high) => (sort_bytes(&low), Some(next(sort_bytes(&high)))),
        Wanted::BeginsWith(prefix) => (sort_bytes(&prefix), after_prefix(&prefix)),
    }
}

/// The least bytes above all that begin with `bytes`.
fn next(mut bytes: Vec<u8>) -> Vec<u8> {
    match bytes.iter().rposition(|byte| *byte < u8::MAX) {
        Some(at) => {
            bytes.truncate(at + 1);
            bytes[at] += 1;
            bytes
        }
        None => above(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::scope;
    use super::*;
    use crate::table::Kind;

    fn refused(text: &str) -> String {
        let mut scope = scope(&[], r#"{":a":{"S":"a"},":n":{"N":"1"},":e":{"S":""}}"#);
        let part = |name: &str| KeyPart { name: name.to_owned(), kind: Kind::S };
        let schema = Schema { hash: part("h"), range: Some(part("r")) };
        let parsed = parse(text, &mut scope).and_then(|wanted| stretch(&schema, wanted));
        parsed.unwrap_err().message.unwrap()
    }

    #[test]
    fn bad_ones_are_refused_in_awss_words() {
        for (text, said) in [
            ("h = :a OR r = :a", "Invalid operator used in KeyConditionExpression: OR"),
            ("h <> :a", "Invalid operator used in KeyConditionExpression: <>"),
            ("attribute_exists(h)", "Invalid operator used in KeyConditionExpression: attribute_exists"),
            ("h = :a AND h = :a", "KeyConditionExpressions must only contain one condition per key"),
            ("h.x = :a", "KeyConditionExpressions cannot have conditions on nested attributes"),
            ("size(h) = :n", "KeyConditionExpressions cannot contain nested operations"),
            ("r = :a", "Query condition missed key schema element: h"),
            ("h = :a AND x = :a", "Query condition missed key schema element: r"),
            ("h > :a", "Query key condition not supported"),
            (
                "h = :n",
                "One or more parameter values were invalid: Condition parameter type does not match schema type",
            ),
            (
                "h = :e",
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: h",
            ),
        ] {
            assert_eq!(refused(text), said, "{text}");
        }
    }
}
