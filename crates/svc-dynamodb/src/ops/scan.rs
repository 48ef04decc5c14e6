//! `Scan`: all items of a table or an index, or one segment of them.

use api_dynamodb::{ScanInput, ScanOutput};
use aws_wire::{AwsError, Result};
use kv::Direction;

use crate::Ctx;
use crate::capacity::{Told, consumed};
use crate::expression::Scope;
use crate::expression::condition::Condition;
use crate::expression::projection::Projection;
use crate::keys::partition;
use crate::read::{self, Page, Place};
use crate::value::{self, Item};
use crate::{asked, legacy, table};

/// Bits of a partition's digest that tell its segment.
const SEGMENT_BITS: u32 = 64;

pub(crate) async fn scan(cx: Ctx, mut input: ScanInput) -> Result<ScanOutput> {
    let consistent = input.consistent_read == Some(true);
    let (segment, total) = segment(&input)?;
    let (filter, projection) = parts(&mut input)?;
    let start = input.exclusive_start_key.take().map(value::from_wire).transpose()?;

    let snapshot = cx.kv.snapshot().await?;
    let table = cx.state.tables.open(&snapshot, &table::key(&cx.caller, &input.table_name)?)?;
    let index = read::index(&table, input.index_name.as_ref(), consistent)?;
    cx.state.throttle.check_read(&cx, &table)?;
    let hash = &index.map_or(&table.schema, |index| &index.schema).hash.name;
    if let Some(start) = &start {
        check_segment(start, hash, segment, total)?;
    }
    let page = Page {
        table: &table,
        index,
        place: Place::Segment(segment, total),
        direction: Direction::Forward,
        limit: input.limit.and_then(|limit| usize::try_from(limit).ok()),
        start,
        filter,
        wanted: read::wanted(&table, index, input.select, projection)?,
    };
    let found = page.read(&snapshot)?;

    let units = asked::units_of_page(&page, &found, consistent);
    cx.state.throttle.consume_read(&cx, &table, &units);
    let (items, count, scanned_count, last_evaluated_key) = asked::told(&page, found);
    Ok(ScanOutput {
        items,
        count,
        scanned_count,
        last_evaluated_key,
        consumed_capacity: consumed(input.return_consumed_capacity, &table.name, &units, Told::Together),
    })
}

fn segment(input: &ScanInput) -> Result<(u32, u32)> {
    let number = |value: Option<i32>| value.and_then(|value| u32::try_from(value).ok());
    match (number(input.segment), number(input.total_segments)) {
        (None, None) => Ok((0, 1)),
        (Some(_), None) => Err(AwsError::validation(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present",
        )),
        (None, Some(_)) => Err(AwsError::validation(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present",
        )),
        (Some(segment), Some(total)) if segment >= total => Err(AwsError::validation(format!(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {segment} is not less than TotalSegments: {total}"
        ))),
        (Some(segment), Some(total)) => Ok((segment, total)),
    }
}

/// A start key must lie in the segment that it is given for.
fn check_segment(start: &Item, hash: &str, segment: u32, total: u32) -> Result<()> {
    let Some(value) = start.get(hash) else { return Ok(()) };
    let place = u64::from_be_bytes(*partition(value).first_chunk().expect("a digest has 16 bytes"));
    let own = (u128::from(place) * u128::from(total)) >> SEGMENT_BITS;
    if own == u128::from(segment) {
        return Ok(());
    }
    Err(AwsError::validation(format!(
        "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. TotalSegments: {total} Segment: {segment}"
    )))
}

fn parts(input: &mut ScanInput) -> Result<(Option<Condition>, Option<Projection>)> {
    let expressions = [
        ("FilterExpression", input.filter_expression.is_some(), true),
        ("ProjectionExpression", input.projection_expression.is_some(), false),
    ];
    let old = [
        ("ScanFilter", input.scan_filter.is_some()),
        ("AttributesToGet", input.attributes_to_get.is_some()),
        ("ConditionalOperator", input.conditional_operator.is_some()),
    ];
    legacy::check_mix(&old, &expressions.map(|(name, given, _)| (name, given)))?;
    let names = input.expression_attribute_names.take();
    let mut scope = Scope::new(names, input.expression_attribute_values.take(), &expressions)?;
    let filter = match &input.filter_expression {
        Some(text) => Some(Condition::parse("FilterExpression", text, &mut scope)?),
        None => legacy::filter(input.scan_filter.take(), input.conditional_operator)?,
    };
    let projection = match &input.projection_expression {
        Some(text) => Some(Projection::parse(text, &mut scope)?),
        None => input.attributes_to_get.as_deref().map(asked::to_get).transpose()?,
    };
    scope.finish()?;
    Ok((filter, projection))
}
