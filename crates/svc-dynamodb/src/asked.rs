//! What operations on items ask for and tell alike: conditions and projections of either kind, pages.

use std::collections::BTreeMap;

use api_dynamodb::{ConditionalOperator, ExpectedAttributeValue};
use aws_wire::Result;

use crate::capacity::{Units, read_units};
use crate::expression::Scope;
use crate::expression::condition::Condition;
use crate::expression::projection::Projection;
use crate::legacy;
use crate::read::{Found, Page, Wanted};
use crate::value::{self, WireItem};

/// The parameters of a condition.
pub(crate) struct Asked {
    pub expected: Option<BTreeMap<String, ExpectedAttributeValue>>,
    pub operator: Option<ConditionalOperator>,
    pub expression: Option<String>,
    pub names: Option<BTreeMap<String, String>>,
    pub values: Option<WireItem>,
}

impl Asked {
    /// The condition, where names and values serve it alone.
    ///
    /// # Errors
    /// `ValidationException` in AWS's words.
    pub(crate) fn condition(self) -> Result<Option<Condition>> {
        legacy::check_mix(
            &[("Expected", self.expected.is_some()), ("ConditionalOperator", self.operator.is_some())],
            &[("ConditionExpression", self.expression.is_some())],
        )?;
        let mut scope =
            Scope::new(self.names, self.values, &[("ConditionExpression", self.expression.is_some(), true)])?;
        let condition = match &self.expression {
            Some(text) => Some(Condition::parse("ConditionExpression", text, &mut scope)?),
            None => legacy::expected(self.expected, self.operator)?,
        };
        scope.finish()?;
        Ok(condition)
    }
}

/// The projection that a request's parameters of either kind come to.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn projection(
    expression: Option<&str>,
    attributes: Option<Vec<String>>,
    names: Option<BTreeMap<String, String>>,
) -> Result<Option<Projection>> {
    legacy::check_mix(
        &[("AttributesToGet", attributes.is_some())],
        &[("ProjectionExpression", expression.is_some())],
    )?;
    let mut scope = Scope::new(names, None, &[("ProjectionExpression", expression.is_some(), false)])?;
    let projection = match expression {
        Some(text) => Some(Projection::parse(text, &mut scope)?),
        None => attributes.map(|names| to_get(&names)).transpose()?,
    };
    scope.finish()?;
    Ok(projection)
}

/// `AttributesToGet`.
///
/// # Errors
/// `ValidationException`, when it names one twice.
pub(crate) fn to_get(names: &[String]) -> Result<Projection> {
    let twice = names.iter().enumerate().find(|(position, name)| names[..*position].contains(name));
    match twice {
        Some((_, name)) => Err(value::wrong(format!("Duplicate value in attribute name: {name}"))),
        None => Ok(Projection::of(names)),
    }
}

/// A page as queries and scans answer it: items, count, scanned count, last evaluated key.
pub(crate) type Told = (Option<Vec<WireItem>>, Option<i32>, Option<i32>, Option<WireItem>);

pub(crate) fn told(page: &Page<'_>, found: Found) -> Told {
    let number = |count: usize| i32::try_from(count).ok();
    let counted = matches!(page.wanted, Wanted::Count);
    let items = found.items.into_iter().map(value::to_wire).collect();
    ((!counted).then_some(items), number(found.count), number(found.scanned), found.last.map(value::to_wire))
}

pub(crate) fn units_of_page(page: &Page<'_>, found: &Found, consistent: bool) -> Units {
    let mut units = Units::of_read(page.index, read_units(found.bytes, consistent));
    if found.fetched > 0 {
        units.table += read_units(found.fetched, consistent);
    }
    units
}
