//! The three ways AWS writes a moment.

use env::Timestamp;
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;

use crate::schema::TimestampFormat;

/// `2026-11-23T10:11:12.345Z`; the fraction only when there is one.
pub fn iso8601(at: Timestamp) -> String {
    let moment = moment(at);
    let whole = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let milli = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    let format: &dyn Fn() -> _ = if at.as_micros().rem_euclid(1_000_000) < 1000 {
        &|| moment.format(whole)
    } else {
        &|| moment.format(milli)
    };
    format().expect("every component exists")
}

/// `Mon, 23 Nov 2026 10:11:12 GMT`
pub fn http_date(at: Timestamp) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    moment(at).format(format).expect("every component exists")
}

/// Seconds since the epoch; a whole number when it is one.
pub fn epoch_seconds(at: Timestamp) -> serde_json::Number {
    let millis = at.as_millis();
    if millis % 1000 == 0 {
        return (millis / 1000).into();
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of any year we meet fit 53 bits")]
    let seconds = millis as f64 / 1000.0;
    serde_json::Number::from_f64(seconds).expect("a quotient of finite numbers")
}

pub fn from_epoch_seconds(seconds: f64) -> Option<Timestamp> {
    let millis = (seconds * 1000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (millis.abs() < 1e17).then(|| Timestamp::from_millis(millis as i64))
}

/// Reads `text` as `format` has it.
pub fn parse(text: &str, format: TimestampFormat) -> Option<Timestamp> {
    match format {
        TimestampFormat::UnixTimestamp => text.parse().ok().and_then(from_epoch_seconds),
        TimestampFormat::Iso8601 => OffsetDateTime::parse(text, &Rfc3339).ok().map(timestamp),
        TimestampFormat::HttpDate => OffsetDateTime::parse(text, &Rfc2822).ok().map(timestamp),
    }
}

pub fn write(at: Timestamp, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::UnixTimestamp => epoch_seconds(at).to_string(),
        TimestampFormat::Iso8601 => iso8601(at),
        TimestampFormat::HttpDate => http_date(at),
    }
}

fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_micros()) * 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn timestamp(moment: OffsetDateTime) -> Timestamp {
    Timestamp::from_micros(i64::try_from(moment.unix_timestamp_nanos() / 1000).unwrap_or(i64::MAX))
}
