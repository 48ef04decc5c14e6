//! `BatchGetItem`: up to a hundred items of any tables.

use std::collections::{BTreeMap, BTreeSet};

use api_dynamodb::{BatchGetItemInput, BatchGetItemOutput, KeysAndAttributes};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::capacity::{Told, Units, consumed, read_units};
use crate::item::row_of_key;
use crate::{asked, read, table, value};

const KEYS_MAX: usize = 100;
/// Bytes of an answer's items; what goes beyond comes back unprocessed.
const ANSWER_BYTES_MAX: usize = 16 << 20;

pub(crate) async fn batch_get_item(cx: Ctx, input: BatchGetItemInput) -> Result<BatchGetItemOutput> {
    if input.request_items.values().map(|wanted| wanted.keys.len()).sum::<usize>() > KEYS_MAX {
        return Err(AwsError::validation("Too many items requested for the BatchGetItem call"));
    }
    let snapshot = cx.kv.snapshot().await?;
    let (mut responses, mut unprocessed) = (BTreeMap::new(), BTreeMap::new());
    let (mut capacities, mut bytes) = (Vec::new(), 0);
    for (name, wanted) in input.request_items {
        let projection = asked::projection(
            wanted.projection_expression.as_deref(),
            wanted.attributes_to_get.clone(),
            wanted.expression_attribute_names.clone(),
        )?;
        let keys = wanted.keys.iter().cloned().map(value::from_wire).collect::<Result<Vec<_>>>()?;
        let table = cx.state.tables.open(&snapshot, &table::key(&cx.caller, &name)?)?;
        let mut rows = BTreeSet::new();
        for key in &keys {
            if !rows.insert(row_of_key(&table, key)?.0) {
                return Err(AwsError::validation("Provided list of item keys contains duplicates"));
            }
        }
        let (mut items, mut left, mut units) = (Vec::new(), Vec::new(), Units::default());
        let throttled = cx.state.throttle.check_read(&cx, &table).is_err();
        for (key, wire) in keys.iter().zip(&wanted.keys) {
            if throttled || bytes >= ANSWER_BYTES_MAX {
                left.push(wire.clone());
                continue;
            }
            let item = read::get(&snapshot, &table, key)?;
            let size = item.as_ref().map_or(0, value::size);
            bytes += size;
            units.table += read_units(size, wanted.consistent_read == Some(true));
            let item =
                item.map(|item| projection.as_ref().map_or_else(|| item.clone(), |paths| paths.apply(&item)));
            items.extend(item.map(value::to_wire));
        }
        cx.state.throttle.consume_read(&cx, &table, &units);
        capacities.extend(consumed(input.return_consumed_capacity, &table.name, &units, Told::Together));
        if !left.is_empty() {
            unprocessed.insert(name.clone(), KeysAndAttributes { keys: left, ..wanted });
        }
        responses.insert(name, items);
    }
    Ok(BatchGetItemOutput {
        responses: Some(responses),
        unprocessed_keys: Some(unprocessed),
        consumed_capacity: (!capacities.is_empty()).then_some(capacities),
    })
}
