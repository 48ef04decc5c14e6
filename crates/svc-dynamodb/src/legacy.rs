//! The parameters that expressions replaced: they become the same conditions, updates and stretches.

use std::collections::BTreeMap;

use api_dynamodb::{
    AttributeAction, AttributeValue, AttributeValueUpdate, ComparisonOperator as Operator,
    ConditionalOperator, ExpectedAttributeValue,
};
use aws_wire::{AwsError, Result};

use crate::expression::Path;
use crate::expression::condition::{Comparison, Condition, Operand};
use crate::expression::key_condition::Wanted;
use crate::expression::update::{Update, Value};
use crate::value::{Attr, wrong};

/// `QueryFilter`, `ScanFilter` and `KeyConditions`.
pub(crate) type Conditions = BTreeMap<String, api_dynamodb::Condition>;

/// Refuses a request that uses parameters of both kinds. Each is its name and whether it is given.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn check_mix(old: &[(&str, bool)], new: &[(&str, bool)]) -> Result<()> {
    let given = |list: &[(&str, bool)]| {
        let given = list.iter().filter(|(_, given)| *given).map(|(name, _)| *name);
        given.collect::<Vec<_>>().join(", ")
    };
    let (old, new) = (given(old), given(new));
    if old.is_empty() || new.is_empty() {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {{{old}}} Expression parameters: {{{new}}}"
    )))
}

fn value(value: AttributeValue) -> Result<Attr> {
    Attr::from_wire(value).map_err(AwsError::validation)
}

fn joined(conditions: Vec<Condition>, operator: Option<ConditionalOperator>) -> Option<Condition> {
    if conditions.is_empty() {
        return None;
    }
    Some(match operator {
        Some(ConditionalOperator::Or) => Condition::Any(conditions),
        _ => Condition::All(conditions),
    })
}

/// The condition that `Expected` and `ConditionalOperator` come to.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn expected(
    expected: Option<BTreeMap<String, ExpectedAttributeValue>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>> {
    let Some(expected) = expected else {
        return match operator {
            Some(_) => {
                Err(AwsError::validation("ConditionalOperator cannot be used without Filter or Expected"))
            }
            None => Ok(None),
        };
    };
    if operator.is_some() && expected.len() < 2 {
        return Err(AwsError::validation(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ));
    }
    let conditions = expected.into_iter().map(|(name, one)| expect(&name, one));
    Ok(joined(conditions.collect::<Result<_>>()?, operator))
}

fn expect(name: &str, one: ExpectedAttributeValue) -> Result<Condition> {
    let ExpectedAttributeValue { value: given, exists, comparison_operator, attribute_value_list } = one;
    if given.is_some() && attribute_value_list.is_some() {
        return Err(wrong(format!(
            "Value and AttributeValueList cannot be used together for Attribute: {name}"
        )));
    }
    if let Some(operator) = comparison_operator {
        if exists.is_some() {
            return Err(wrong(format!(
                "Exists and ComparisonOperator cannot be used together for Attribute: {name}"
            )));
        }
        let absent = given.is_none() && attribute_value_list.is_none();
        if absent && !matches!(operator, Operator::Null | Operator::NotNull) {
            return Err(wrong(format!(
                "Value or AttributeValueList must be used with ComparisonOperator: {} for Attribute: {name}",
                operator.as_str()
            )));
        }
        let list = attribute_value_list.unwrap_or_else(|| given.into_iter().collect());
        return condition(name, operator, list);
    }
    if attribute_value_list.is_some() {
        return Err(wrong(format!(
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}"
        )));
    }
    match (exists, given) {
        (None | Some(true), None) => {
            let exists = if exists.is_some() { "true" } else { "null" };
            Err(wrong(format!("Value must be provided when Exists is {exists} for Attribute: {name}")))
        }
        (Some(false), Some(_)) => {
            Err(wrong(format!("Value cannot be used when Exists is false for Attribute: {name}")))
        }
        (Some(false), None) => Ok(Condition::NotExists(Path::top(name))),
        (_, Some(given)) => condition(name, Operator::Eq, vec![given]),
    }
}

/// The condition that a filter and `ConditionalOperator` come to.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn filter(
    filter: Option<Conditions>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>> {
    let conditions = filter.unwrap_or_default().into_iter().map(|(name, one)| {
        condition(&name, one.comparison_operator, one.attribute_value_list.unwrap_or_default())
    });
    Ok(joined(conditions.collect::<Result<_>>()?, operator))
}

/// The wanted keys of `KeyConditions`.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn keys(conditions: Conditions) -> Result<Vec<(String, Wanted)>> {
    let wanted = conditions.into_iter().map(|(name, one)| {
        let list = checked(one.comparison_operator, one.attribute_value_list.unwrap_or_default())?;
        let mut list = list.into_iter();
        let mut take = || list.next().ok_or_else(|| wrong_count(one.comparison_operator));
        let wanted = match one.comparison_operator {
            Operator::Eq => Wanted::Eq(take()?),
            Operator::Lt => Wanted::Lt(take()?),
            Operator::Le => Wanted::Le(take()?),
            Operator::Gt => Wanted::Gt(take()?),
            Operator::Ge => Wanted::Ge(take()?),
            Operator::Between => Wanted::Between(take()?, take()?),
            Operator::BeginsWith => Wanted::BeginsWith(take()?),
            _ => {
                return Err(AwsError::validation(
                    "Attempted conditional constraint is not an indexable operation",
                ));
            }
        };
        Ok((name, wanted))
    });
    wanted.collect()
}

fn wrong_count(operator: Operator) -> AwsError {
    wrong(format!("Invalid number of argument(s) for the {} ComparisonOperator", operator.as_str()))
}

/// The operands of a comparison, as many and of such types as it takes.
fn checked(operator: Operator, list: Vec<AttributeValue>) -> Result<Vec<Attr>> {
    let list = list.into_iter().map(value).collect::<Result<Vec<_>>>()?;
    let fits = match operator {
        Operator::Null | Operator::NotNull => list.is_empty(),
        Operator::In => !list.is_empty(),
        Operator::Between => list.len() == 2,
        _ => list.len() == 1,
    };
    if !fits {
        return Err(wrong_count(operator));
    }
    if list.windows(2).any(|pair| pair[0].kind() != pair[1].kind()) {
        return Err(wrong("AttributeValues inside AttributeValueList must be of same type"));
    }
    let takes: &[&str] = match operator {
        Operator::Eq | Operator::Ne | Operator::Null | Operator::NotNull => {
            &["S", "N", "B", "SS", "NS", "BS", "L", "M", "BOOL", "NULL"]
        }
        Operator::BeginsWith => &["S", "B"],
        Operator::Contains | Operator::NotContains => &["S", "N", "B", "BOOL", "NULL"],
        _ => &["S", "N", "B"],
    };
    if let Some(other) = list.iter().find(|value| !takes.contains(&value.kind())) {
        return Err(wrong(format!(
            "ComparisonOperator {} is not valid for {} AttributeValue type",
            operator.as_str(),
            other.kind()
        )));
    }
    if let (Operator::Between, [low, high]) = (operator, &list[..])
        && low.compare(high) == Some(std::cmp::Ordering::Greater)
    {
        return Err(AwsError::validation(
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ));
    }
    Ok(list)
}

fn condition(name: &str, operator: Operator, list: Vec<AttributeValue>) -> Result<Condition> {
    let mut list = checked(operator, list)?.into_iter().map(Operand::Value);
    let path = Path::top(name);
    let place = || Operand::Path(path.clone());
    let mut take = || list.next().ok_or_else(|| wrong_count(operator));
    Ok(match operator {
        Operator::Eq => Condition::Compare(Comparison::Eq, place(), take()?),
        Operator::Ne => Condition::Compare(Comparison::Ne, place(), take()?),
        Operator::Lt => Condition::Compare(Comparison::Lt, place(), take()?),
        Operator::Le => Condition::Compare(Comparison::Le, place(), take()?),
        Operator::Gt => Condition::Compare(Comparison::Gt, place(), take()?),
        Operator::Ge => Condition::Compare(Comparison::Ge, place(), take()?),
        Operator::Between => Condition::Between(place(), take()?, take()?),
        Operator::In => Condition::In(place(), list.collect()),
        Operator::Null => Condition::NotExists(path),
        Operator::NotNull => Condition::Exists(path),
        Operator::BeginsWith => Condition::BeginsWith(place(), take()?),
        Operator::Contains => Condition::Contains(place(), take()?),
        Operator::NotContains => Condition::All(vec![
            Condition::Exists(path.clone()),
            Condition::Not(Box::new(Condition::Contains(place(), take()?))),
        ]),
    })
}

/// The update that `AttributeUpdates` comes to.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn updates(updates: BTreeMap<String, AttributeValueUpdate>) -> Result<Update> {
    let mut update = Update::default();
    for (name, AttributeValueUpdate { value: given, action }) in updates {
        let path = Path::top(&name);
        let given = given.map(value).transpose()?;
        match (action.unwrap_or(AttributeAction::Put), given) {
            (AttributeAction::Delete, None) => update.remove.push(path),
            (_, None) => {
                return Err(wrong("Only DELETE action is allowed when no attribute value is specified"));
            }
            (AttributeAction::Put, Some(value)) => update.set.push((path, Value::Literal(value))),
            (AttributeAction::Delete, Some(value @ (Attr::Ss(_) | Attr::Ns(_) | Attr::Bs(_)))) => {
                update.delete.push((path, value));
            }
            (AttributeAction::Delete, Some(value)) => {
                return Err(wrong(format!(
                    "DELETE action with value is not supported for the type {}",
                    value.kind()
                )));
            }
            (AttributeAction::Add, Some(value)) => {
                if !matches!(value, Attr::N(_) | Attr::Ss(_) | Attr::Ns(_) | Attr::Bs(_) | Attr::L(_)) {
                    return Err(wrong(format!("ADD action is not supported for the type {}", value.kind())));
                }
                update.add.push((path, value));
            }
        }
    }
    Ok(update)
}
