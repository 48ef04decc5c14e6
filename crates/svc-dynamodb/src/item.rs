//! An item's place: its key, checked against its table's, and its rows in indexes.

use aws_wire::{AwsError, Result};

use crate::keys::{self, RowKey, digest, index_key, partition, sort_bytes};
use crate::number::Number;
use crate::table::{Index, KeyPart, TableRecord, is_of};
use crate::value::{Attr, Item, wrong};

/// Bytes of a partition key and of a sort key.
const HASH_BYTES_MAX: usize = 2048;
const RANGE_BYTES_MAX: usize = 1024;

/// The row of the item that has this key, given as a `Key` parameter.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn row_of_key(table: &TableRecord, key: &Item) -> Result<RowKey> {
    let fits = |part: &KeyPart| key.get(&part.name).is_some_and(|value| is_of(value, part.kind));
    if key.len() != table.schema.parts().count() || !table.schema.parts().all(fits) {
        return Err(AwsError::validation("The provided key element does not match the schema"));
    }
    row(table, key)
}

/// The row of a whole item.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn row_of_item(table: &TableRecord, item: &Item) -> Result<RowKey> {
    for part in table.schema.parts() {
        let Some(value) = item.get(&part.name) else {
            return Err(wrong(format!("Missing the key {} in the item", part.name)));
        };
        if !is_of(value, part.kind) {
            return Err(wrong(format!(
                "Type mismatch for key {} expected: {} actual: {}",
                part.name,
                part.kind.as_str(),
                value.kind()
            )));
        }
    }
    row(table, item)
}

/// The word for an empty value's kind, when it is one.
fn empty(value: &Attr) -> Option<&'static str> {
    match value {
        Attr::S(text) if text.is_empty() => Some("string"),
        Attr::B(bytes) if bytes.0.is_empty() => Some("binary"),
        _ => None,
    }
}

fn row(table: &TableRecord, key: &Item) -> Result<RowKey> {
    for part in table.schema.parts() {
        if let Some(kind) = empty(&key[&part.name]) {
            return Err(AwsError::validation(format!(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty {kind} value. Key: {}",
                part.name
            )));
        }
    }
    let hash = &key[&table.schema.hash.name];
    if hash.size() > HASH_BYTES_MAX {
        return Err(wrong("Size of hashkey has exceeded the maximum size limit of2048 bytes"));
    }
    let sort = table.schema.range.as_ref().map(|part| &key[&part.name]);
    if sort.is_some_and(|sort| sort.size() > RANGE_BYTES_MAX) {
        return Err(wrong("Aggregated size of all range keys has exceeded the size limit of 1024 bytes"));
    }
    Ok(keys::item_key(table.id, &partition(hash), &sort.map(sort_bytes).unwrap_or_default()))
}

/// Refuses an item whose values do not suit as keys of the table's indexes.
///
/// # Errors
/// `ValidationException` in AWS's words.
pub(crate) fn check_index_keys(table: &TableRecord, item: &Item) -> Result<()> {
    for index in table.visible() {
        for part in index.schema.parts() {
            let Some(value) = item.get(&part.name) else { continue };
            if !is_of(value, part.kind) {
                return Err(wrong(format!(
                    "Type mismatch for Index Key {} Expected: {} Actual: {} IndexName: {}",
                    part.name,
                    part.kind.as_str(),
                    value.kind(),
                    index.name
                )));
            }
            if let Some(kind) = empty(value) {
                return Err(AwsError::validation(format!(
                    "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The AttributeValue for a key attribute cannot contain an empty {kind} value. IndexName: {}, IndexKey: {}",
                    index.name, part.name
                )));
            }
            let is_hash = part.name == index.schema.hash.name;
            if value.size() > if is_hash { HASH_BYTES_MAX } else { RANGE_BYTES_MAX } {
                return Err(wrong(if is_hash {
                    "Size of hashkey has exceeded the maximum size limit of2048 bytes"
                } else {
                    "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
                }));
            }
        }
    }
    Ok(())
}

/// The row that `index` has of `item`, which lies at `row`.
pub(crate) fn indexed(
    table: &TableRecord,
    index: &Index,
    row: &RowKey,
    item: &Item,
) -> Option<(RowKey, Item)> {
    if index.expiry {
        let at = expiry(&index.schema.hash.name, item)?;
        let key = expiry_key(table, index, at, &digest(&row.0));
        return Some((key, table.schema.pick(item)));
    }
    let held = index.project(&table.schema, item)?;
    let hash = &item[&index.schema.hash.name];
    let sort = index.schema.range.as_ref().map(|part| sort_bytes(&item[&part.name])).unwrap_or_default();
    let key = index_key(table.id, index.number, &partition(hash), &sort, &digest(&row.0));
    Some((key, held))
}

/// Where the expiry at `at` (seconds since the epoch) has its row: all in one partition, in order of time.
pub(crate) fn expiry_key(table: &TableRecord, index: &Index, at: i64, item: &[u8; 16]) -> RowKey {
    let sort = sort_bytes(&Attr::N(Number::whole(at)));
    index_key(table.id, index.number, &[0; 16], &sort, item)
}

/// When an item expires, in seconds since the epoch, where it says so as a number.
pub(crate) fn expiry(attribute: &str, item: &Item) -> Option<i64> {
    match item.get(attribute)? {
        Attr::N(number) => number.to_i64().filter(|at| *at > 0),
        _ => None,
    }
}
