//! `IncreaseStreamRetentionPeriod`: up to a year. What is gone already stays gone.

use api_kinesis::IncreaseStreamRetentionPeriodInput;
use aws_wire::Result;

use crate::Ctx;
use crate::keys::StreamKey;
use crate::refusal::invalid;
use crate::stream::{self, RETENTION_HOURS_MAX, RETENTION_HOURS_MIN, Stream, asked};

pub(crate) async fn increase_stream_retention_period(
    cx: Ctx,
    input: IncreaseStreamRetentionPeriodInput,
) -> Result<()> {
    let (hours, now) = (input.retention_period_hours, cx.env.now());
    check_range(hours)?;
    let set = |key: &StreamKey, stream: &mut Stream| {
        if hours < stream.retention_hours {
            return Err(invalid(format!(
                "Requested retention period ({hours} hours) for stream {} can not be shorter than existing retention \
                 period ({} hours). Use DecreaseRetentionPeriod API.",
                key.2, stream.retention_hours
            )));
        }
        stream.horizon_ms = stream.oldest_ms(now);
        stream.retention_hours = hours;
        Ok(())
    };
    stream::change(&cx, asked!("IncreaseStreamRetentionPeriod", input), set).await.map(drop)
}

/// # Errors
/// 400 outside of a day to a year.
pub(crate) fn check_range(hours: i32) -> Result<()> {
    if hours < RETENTION_HOURS_MIN {
        return Err(invalid(format!(
            "Minimum allowed retention period is {RETENTION_HOURS_MIN} hours. Requested retention period ({hours} hours) \
             is too short."
        )));
    }
    if hours > RETENTION_HOURS_MAX {
        return Err(invalid(format!(
            "Maximum allowed retention period is {RETENTION_HOURS_MAX} hours. Requested retention period ({hours} hours) \
             is too long."
        )));
    }
    Ok(())
}
