//! Point-in-time recovery: how far back a table can be restored, and the moments that are asked for.

use api_dynamodb::{
    ContinuousBackupsDescription, ContinuousBackupsStatus, PointInTimeRecoveryDescription,
    PointInTimeRecoveryStatus, errors,
};
use aws_wire::Result;
use env::Timestamp;
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::keys::{TABLES, TableKey};
use crate::table::{Status, TableRecord};

/// Days that can be recovered unless fewer are asked for; as many as there can be.
pub(crate) const DAYS: i32 = 35;
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;
const SECOND_US: i64 = 1_000_000;

/// That a table can be recovered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recovery {
    /// Since when, in microseconds.
    pub since_us: i64,
    pub days: i32,
}

impl Recovery {
    /// The first moment that can be recovered, in microseconds.
    pub(crate) fn earliest_us(&self, now_us: i64) -> i64 {
        self.since_us.max(now_us - i64::from(self.days) * DAY_US)
    }
}

pub(crate) fn describe(table: &TableRecord, now: Timestamp) -> ContinuousBackupsDescription {
    let recovery = table.recovery.as_ref();
    ContinuousBackupsDescription {
        continuous_backups_status: ContinuousBackupsStatus::Enabled,
        point_in_time_recovery_description: Some(PointInTimeRecoveryDescription {
            point_in_time_recovery_status: Some(match recovery {
                Some(_) => PointInTimeRecoveryStatus::Enabled,
                None => PointInTimeRecoveryStatus::Disabled,
            }),
            recovery_period_in_days: recovery.map(|recovery| recovery.days),
            earliest_restorable_date_time: recovery
                .map(|recovery| Timestamp::from_micros(recovery.earliest_us(now.as_micros()))),
            latest_restorable_date_time: recovery.map(|_| now),
        }),
    }
}

/// A table of the caller's, for operations on its backups.
///
/// # Errors
/// `TableNotFoundException`.
pub(crate) fn find(reader: &impl Read, key: &TableKey) -> Result<TableRecord> {
    let found = TABLES.get(reader, key)?;
    found.ok_or_else(|| errors::table_not_found_exception(format!("Table not found: {}", key.2)))
}

/// As [`find`], and the table must be there for good.
///
/// # Errors
/// Also `TableInUseException`.
pub(crate) fn open(reader: &impl Read, key: &TableKey) -> Result<TableRecord> {
    let table = find(reader, key)?;
    let doing = match table.status {
        Status::Active | Status::Updating => return Ok(table),
        Status::Creating => "created",
        Status::Deleting => "deleted",
    };
    Err(errors::table_in_use_exception(format!("Table is being {doing}: {}", table.name)))
}

/// # Errors
/// `PointInTimeRecoveryUnavailableException`.
pub(crate) fn of(table: &TableRecord) -> Result<&Recovery> {
    table.recovery.as_ref().ok_or_else(|| {
        errors::point_in_time_recovery_unavailable_exception(format!(
            "Point in time recovery is not enabled for table '{}'",
            table.name
        ))
    })
}

/// Up to which number changes count at a moment that is asked for; `latest` is a number that was handed out just now.
/// None is a moment that can't be recovered. The first second counts whole, since clients may ask in seconds alone.
pub(crate) fn number_at(recovery: &Recovery, at: Timestamp, now: Timestamp, latest: u64) -> Option<u64> {
    let earliest = recovery.earliest_us(now.as_micros());
    let first_second = earliest - earliest.rem_euclid(SECOND_US);
    if at.as_micros() < first_second || at > now {
        return None;
    }
    let number = u64::try_from(at.as_micros().max(earliest)).ok()? + 1;
    Some(number.min(latest))
}
