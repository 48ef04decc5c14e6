//! `DecreaseStreamRetentionPeriod`: down to a day. What is older is gone at once.

use api_kinesis::DecreaseStreamRetentionPeriodInput;
use aws_wire::Result;

use crate::Ctx;
use crate::keys::StreamKey;
use crate::ops::increase_stream_retention_period::check_range;
use crate::refusal::invalid;
use crate::stream::{self, Stream, asked};

pub(crate) async fn decrease_stream_retention_period(
    cx: Ctx,
    input: DecreaseStreamRetentionPeriodInput,
) -> Result<()> {
    let (hours, now) = (input.retention_period_hours, cx.env.now());
    check_range(hours)?;
    let set = |key: &StreamKey, stream: &mut Stream| {
        if hours > stream.retention_hours {
            return Err(invalid(format!(
                "Requested retention period ({hours} hours) for stream {} can not be longer than existing retention \
                 period ({} hours). Use IncreaseRetentionPeriod API.",
                key.2, stream.retention_hours
            )));
        }
        stream.retention_hours = hours;
        stream.horizon_ms = stream.oldest_ms(now);
        Ok(())
    };
    stream::change(&cx, asked!("DecreaseStreamRetentionPeriod", input), set).await.map(drop)
}
