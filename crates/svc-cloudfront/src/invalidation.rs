//! Invalidations: paths whose responses are forgotten. What was fetched before one is not kept after it
//! (`site/cache.rs`).

use api_cloudfront::{Invalidation, InvalidationBatch, Paths, errors};
use aws_wire::{AwsError, Result};
use env::{Env, Timestamp};
use kv::{Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::keys::{BatchKey, INVALIDATIONS, Key};

/// Of one request, as AWS allows for paths without a wildcard.
const PATHS_MAX: usize = 3000;
/// How many of a distribution are kept to be shown.
const KEPT_MAX: usize = 100;
pub(crate) const COMPLETED: &str = "Completed";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub reference: String,
    pub paths: Vec<String>,
    pub created_ms: i64,
}

impl Record {
    /// # Errors
    /// 400 for paths that are none.
    pub(crate) fn new(batch: InvalidationBatch, env: &Env) -> Result<Self> {
        let paths = batch.paths.items.unwrap_or_default();
        if usize::try_from(batch.paths.quantity) != Ok(paths.len()) {
            return Err(errors::inconsistent_quantities(
                "The value of Quantity and the size of Items don't match.",
            ));
        }
        if paths.len() > PATHS_MAX {
            return Err(errors::batch_too_large("Invalidation batch specified is too large."));
        }
        let is_path = |path: &String| {
            let star = path.find('*').is_none_or(|at| at + 1 == path.len());
            (path.starts_with('/') || path.starts_with('*')) && path.len() <= 4000 && star
        };
        if paths.is_empty() || !paths.iter().all(is_path) || batch.caller_reference.is_empty() {
            return Err(errors::invalid_argument(
                "Your request contains one or more invalid invalidation paths.",
            ));
        }
        Ok(Self { reference: batch.caller_reference, paths, created_ms: env.now().as_millis() })
    }

    pub(crate) fn shown(self, id: String, status: &str) -> Invalidation {
        Invalidation {
            id,
            status: status.to_owned(),
            create_time: Timestamp::from_millis(self.created_ms),
            invalidation_batch: InvalidationBatch {
                paths: Paths {
                    quantity: i32::try_from(self.paths.len()).unwrap_or(i32::MAX),
                    items: Some(self.paths),
                },
                caller_reference: self.reference,
            },
        }
    }
}

/// Of a distribution, in the order of their ids.
///
/// # Errors
/// Those of the store.
pub(crate) fn all(reader: &impl Read, key: &Key) -> Result<Vec<(String, Record)>> {
    let rows = INVALIDATIONS.all(reader, &Span::prefix(key))?;
    Ok(rows.into_iter().map(|((_, _, id), record)| (id, record)).collect())
}

/// Stores one, unless its caller's reference came before; the oldest of too many go.
///
/// # Errors
/// 400 for a reference that came with other paths.
pub(crate) fn add(tx: &mut Tx, key: &Key, id: &str, record: &Record) -> Result<(String, Record)> {
    let row = |id: &str| -> BatchKey { (key.0.clone(), key.1.clone(), id.to_owned()) };
    let mut known = all(tx, key)?;
    if let Some((id, same)) = known.iter().find(|(_, other)| other.reference == record.reference) {
        if same.paths != record.paths {
            return Err(errors::invalid_argument(
                "Your request contains a caller reference that was used for a previous invalidation batch for the same \
                 distribution.",
            ));
        }
        return Ok((id.clone(), same.clone()));
    }
    known.sort_by_key(|(_, record)| record.created_ms);
    for (old, _) in known.iter().take((known.len() + 1).saturating_sub(KEPT_MAX)) {
        INVALIDATIONS.delete(tx, &row(old))?;
    }
    INVALIDATIONS.put(tx, &row(id), record)?;
    Ok::<_, AwsError>((id.to_owned(), record.clone()))
}
