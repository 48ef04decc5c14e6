//! `Query`: the items of one partition of a table or an index, in the order of their sort keys.

use api_dynamodb::{QueryInput, QueryOutput};
use aws_wire::{AwsError, Result};
use kv::Direction;

use crate::Ctx;
use crate::capacity::{Told, consumed};
use crate::expression::Scope;
use crate::expression::condition::Condition;
use crate::expression::key_condition::{self, Wanted};
use crate::expression::projection::Projection;
use crate::read::{self, Page, Place};
use crate::table::{self, Schema};
use crate::{asked, legacy, value};

pub(crate) async fn query(cx: Ctx, mut input: QueryInput) -> Result<QueryOutput> {
    let consistent = input.consistent_read == Some(true);
    let Parts { keys, filter, projection, legacy } = parts(&mut input)?;
    let start = input.exclusive_start_key.take().map(value::from_wire).transpose()?;

    let snapshot = cx.kv.snapshot().await?;
    let table = cx.state.tables.open(&snapshot, &table::key(&cx.caller, &input.table_name)?)?;
    let index = read::index(&table, input.index_name.as_ref(), consistent)?;
    let schema = index.map_or(&table.schema, |index| &index.schema);
    let stretch = key_condition::stretch(schema, keys)?;
    if let Some(filter) = &filter {
        check_filter(schema, filter, legacy)?;
    }
    cx.state.throttle.check_read(&cx, &table)?;
    let page = Page {
        table: &table,
        index,
        place: Place::Stretch(stretch),
        direction: if input.scan_index_forward == Some(false) {
            Direction::Reverse
        } else {
            Direction::Forward
        },
        limit: input.limit.and_then(|limit| usize::try_from(limit).ok()),
        start,
        filter,
        wanted: read::wanted(&table, index, input.select, projection)?,
    };
    let found = page.read(&snapshot)?;

    let units = asked::units_of_page(&page, &found, consistent);
    cx.state.throttle.consume_read(&cx, &table, &units);
    let (items, count, scanned_count, last_evaluated_key) = asked::told(&page, found);
    Ok(QueryOutput {
        items,
        count,
        scanned_count,
        last_evaluated_key,
        consumed_capacity: consumed(input.return_consumed_capacity, &table.name, &units, Told::Together),
    })
}

/// What the parameters of either kind come to.
struct Parts {
    keys: Vec<(String, Wanted)>,
    filter: Option<Condition>,
    projection: Option<Projection>,
    /// Whether the filter is of the older kind.
    legacy: bool,
}

fn parts(input: &mut QueryInput) -> Result<Parts> {
    let expressions = [
        ("KeyConditionExpression", input.key_condition_expression.is_some(), true),
        ("FilterExpression", input.filter_expression.is_some(), true),
        ("ProjectionExpression", input.projection_expression.is_some(), false),
    ];
    let old = [
        ("KeyConditions", input.key_conditions.is_some() && input.key_condition_expression.is_some()),
        ("QueryFilter", input.query_filter.is_some()),
        ("AttributesToGet", input.attributes_to_get.is_some()),
        ("ConditionalOperator", input.conditional_operator.is_some()),
    ];
    legacy::check_mix(&old, &expressions.map(|(name, given, _)| (name, given)))?;
    let names = input.expression_attribute_names.take();
    let mut scope = Scope::new(names, input.expression_attribute_values.take(), &expressions)?;
    let keys = match (&input.key_condition_expression, input.key_conditions.take()) {
        (Some(text), _) => key_condition::parse(text, &mut scope)?,
        (None, Some(conditions)) => legacy::keys(conditions)?,
        (None, None) => {
            return Err(AwsError::validation(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
            ));
        }
    };
    let legacy = input.query_filter.is_some();
    let filter = match &input.filter_expression {
        Some(text) => Some(Condition::parse("FilterExpression", text, &mut scope)?),
        None => legacy::filter(input.query_filter.take(), input.conditional_operator)?,
    };
    let projection = match &input.projection_expression {
        Some(text) => Some(Projection::parse(text, &mut scope)?),
        None => input.attributes_to_get.as_deref().map(asked::to_get).transpose()?,
    };
    scope.finish()?;
    Ok(Parts { keys, filter, projection, legacy })
}

/// Keys are for the key condition; a filter may not name them.
fn check_filter(schema: &Schema, filter: &Condition, legacy: bool) -> Result<()> {
    let mut paths = Vec::new();
    filter.paths(&mut paths);
    let Some(path) = paths.into_iter().find(|path| schema.has(path.head())) else { return Ok(()) };
    Err(AwsError::validation(if legacy {
        format!(
            "QueryFilter can only contain non-primary key attributes: Primary key attribute: {}",
            path.head()
        )
    } else {
        format!(
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: {}",
            path.head()
        )
    }))
}
