//! `BatchWriteItem`: up to 25 items put or deleted, each on its own.

use std::collections::{BTreeMap, BTreeSet};

use api_dynamodb::{BatchWriteItemInput, BatchWriteItemOutput, WriteRequest};
use aws_wire::{AwsError, Result};
use futures_util::future::join_all;

use crate::Ctx;
use crate::capacity::{Told, Units, consumed};
use crate::item::{check_index_keys, row_of_item, row_of_key};
use crate::keys::TableKey;
use crate::value::{self, ITEM_BYTES_MAX};
use crate::write::{Action, Request, write_one};
use crate::{collection, table};

const REQUESTS_MAX: usize = 25;

struct Asked {
    name: String,
    table: TableKey,
    action: Action,
    wire: WriteRequest,
}

pub(crate) async fn batch_write_item(cx: Ctx, input: BatchWriteItemInput) -> Result<BatchWriteItemOutput> {
    let metrics = collection::Asked::of(input.return_item_collection_metrics);
    let asked = check(&cx, input.request_items).await?;
    let mut units = BTreeMap::<String, (String, Units)>::new();
    let mut unprocessed = BTreeMap::<String, Vec<WriteRequest>>::new();
    // All at once, so that the store makes them durable together.
    let writes = asked.into_iter().map(|one| async {
        let request = Request { table: one.table.clone(), action: one.action.clone(), condition: None };
        let done = write_one(&cx, request, None).await;
        (one, done)
    });
    let mut written = Vec::new();
    for (one, done) in join_all(writes).await {
        match done {
            Ok(done) => {
                if let Some(kept) = metrics.keep(one.action.key()) {
                    written.push((one.name.clone(), done.table.clone(), kept));
                }
                let of_table = units.entry(one.name).or_insert((done.table.name.clone(), Units::default()));
                of_table.1.add(&done.units);
            }
            Err(error) if error.code == "ProvisionedThroughputExceededException" || error.status == 503 => {
                unprocessed.entry(one.name).or_default().push(one.wire);
            }
            Err(error) => return Err(error),
        }
    }
    let capacities = units
        .values()
        .filter_map(|(name, units)| consumed(input.return_consumed_capacity, name, units, Told::Together));
    let capacities = capacities.collect::<Vec<_>>();
    let written = written.iter().map(|(name, table, kept)| (name.as_str(), &**table, kept));
    let metrics = collection::metrics_of_all(&cx, written).await?;
    Ok(BatchWriteItemOutput {
        unprocessed_items: Some(unprocessed),
        item_collection_metrics: metrics,
        consumed_capacity: (!capacities.is_empty()).then_some(capacities),
    })
}

/// All of the batch is checked before any of it is done.
async fn check(cx: &Ctx, requests: BTreeMap<String, Vec<WriteRequest>>) -> Result<Vec<Asked>> {
    let count = requests.values().map(Vec::len).sum::<usize>();
    if count > REQUESTS_MAX {
        return Err(AwsError::validation("Too many items requested for the BatchWriteItem call"));
    }
    let snapshot = cx.kv.snapshot().await?;
    let (mut asked, mut rows) = (Vec::new(), BTreeSet::new());
    for (name, requests) in requests {
        if requests.is_empty() {
            return Err(AwsError::validation(
                "The batch write request list for a table cannot be null or empty",
            ));
        }
        let key = table::key(&cx.caller, &name)?;
        let table = table::open(&snapshot, &key)?;
        for wire in requests {
            let action = match (wire.put_request.clone(), wire.delete_request.clone()) {
                (Some(put), None) => Action::Put(value::from_wire(put.item)?),
                (None, Some(delete)) => Action::Delete(value::from_wire(delete.key)?),
                _ => {
                    return Err(AwsError::validation(
                        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes",
                    ));
                }
            };
            let row = match &action {
                Action::Put(item) => {
                    if value::size(item) > ITEM_BYTES_MAX {
                        return Err(AwsError::validation("Item size has exceeded the maximum allowed size"));
                    }
                    check_index_keys(&table, item)?;
                    row_of_item(&table, item)?
                }
                Action::Delete(key) | Action::Check(key) | Action::Update(key, _) => row_of_key(&table, key)?,
            };
            if !rows.insert(row.0) {
                return Err(AwsError::validation("Provided list of item keys contains duplicates"));
            }
            asked.push(Asked { name: name.clone(), table: key.clone(), action, wire });
        }
    }
    Ok(asked)
}
