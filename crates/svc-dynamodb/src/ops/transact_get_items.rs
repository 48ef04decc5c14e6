//! `TransactGetItems`: items as of one moment.

use std::collections::{BTreeMap, BTreeSet};

use api_dynamodb::{ItemResponse, TransactGetItemsInput, TransactGetItemsOutput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::capacity::{Told, Units, consumed, read_units};
use crate::item::row_of_key;
use crate::{asked, read, table, value};

/// A transaction's read costs twice.
const READS: f64 = 2.0;

pub(crate) async fn transact_get_items(
    cx: Ctx,
    input: TransactGetItemsInput,
) -> Result<TransactGetItemsOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let mut responses = Vec::new();
    let mut units = BTreeMap::<String, Units>::new();
    let mut rows = BTreeSet::new();
    for one in input.transact_items {
        let get = one.get;
        let key = value::from_wire(get.key)?;
        let projection =
            asked::projection(get.projection_expression.as_deref(), None, get.expression_attribute_names)?;
        let table = cx.state.tables.open(&snapshot, &table::key(&cx.caller, &get.table_name)?)?;
        if !rows.insert(row_of_key(&table, &key)?.0) {
            return Err(AwsError::validation(
                "Transaction request cannot include multiple operations on one item",
            ));
        }
        cx.state.throttle.check_read(&cx, &table)?;
        let item = read::get(&snapshot, &table, &key)?;
        let cost = READS * read_units(item.as_ref().map_or(0, value::size), true);
        let own = Units::of_read(None, cost);
        cx.state.throttle.consume_read(&cx, &table, &own);
        units.entry(table.name.clone()).or_default().add(&own);
        let item = item.map(|item| projection.map_or_else(|| item.clone(), |paths| paths.apply(&item)));
        responses.push(ItemResponse { item: item.map(value::to_wire) });
    }
    let capacities = units
        .iter()
        .filter_map(|(name, units)| consumed(input.return_consumed_capacity, name, units, Told::Reads));
    let capacities = capacities.collect::<Vec<_>>();
    Ok(TransactGetItemsOutput {
        consumed_capacity: (!capacities.is_empty()).then_some(capacities),
        responses: Some(responses),
    })
}
