//! Moments as logs and their streams' names write them.

use env::Timestamp;

pub(crate) fn utc(at: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

/// `2026-11-23T10:11:12.345Z`
pub(crate) fn iso8601(at: Timestamp) -> String {
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let seconds = utc(at).format(format).expect("every component exists");
    format!("{seconds}.{:03}Z", at.as_millis().rem_euclid(1000))
}
