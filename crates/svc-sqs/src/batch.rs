//! Batches: what holds for all of them, and how the entries that failed are told.

use std::collections::BTreeSet;

use api_sqs::{BatchResultErrorEntry, errors};
use aws_wire::schema::Fault;
use aws_wire::{AwsError, Result};

const ENTRIES_MAX: usize = 10;
const ID_LENGTH_MAX: usize = 80;
/// Of all bodies and attributes of a batch.
pub(crate) const BYTES_MAX: usize = 1_048_576;

/// # Errors
/// 400 for a batch that is refused whole.
pub(crate) fn check<'a>(ids: impl ExactSizeIterator<Item = &'a str>, entry: &str) -> Result<()> {
    let count = ids.len();
    if count == 0 {
        return Err(errors::empty_batch_request(format!(
            "There should be at least one {entry} in the request."
        )));
    }
    if count > ENTRIES_MAX {
        return Err(errors::too_many_entries_in_batch_request(format!(
            "Maximum number of entries per request are {ENTRIES_MAX}. You have sent {count}."
        )));
    }
    let letters = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
    let mut seen = BTreeSet::new();
    for id in ids {
        if id.is_empty() || id.len() > ID_LENGTH_MAX || !id.bytes().all(letters) {
            return Err(errors::invalid_batch_entry_id(
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most \
                 80 letters long.",
            ));
        }
        if !seen.insert(id) {
            return Err(errors::batch_entry_ids_not_distinct(format!("Id {id} repeated.")));
        }
    }
    Ok(())
}

/// # Errors
/// 400 above 1 MiB.
pub(crate) fn check_size(bytes: usize) -> Result<()> {
    if bytes > BYTES_MAX {
        return Err(errors::batch_request_too_long(format!(
            "Batch requests cannot be longer than {BYTES_MAX} bytes. You have sent {bytes} bytes."
        )));
    }
    Ok(())
}

/// An entry that failed, with the code that either protocol's clients know.
pub(crate) fn failed(id: String, error: &AwsError) -> BatchResultErrorEntry {
    BatchResultErrorEntry {
        id,
        sender_fault: error.fault == Fault::Client,
        code: error.query_code.map_or_else(|| error.code.to_string(), str::to_owned),
        message: error.message.clone(),
    }
}
