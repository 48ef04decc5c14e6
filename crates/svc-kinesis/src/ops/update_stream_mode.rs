//! `UpdateStreamMode`: provisioned or on demand; the shards stay.

use api_kinesis::{StreamMode, UpdateStreamModeInput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::STREAMS;
use crate::ops::create_stream::check_on_demand;
use crate::stream::{self, Asked, Mode};

/// Changes in a day.
const CHANGES_MAX: usize = 2;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(crate) async fn update_stream_mode(cx: Ctx, input: UpdateStreamModeInput) -> Result<()> {
    if input.warm_throughput_mi_bps.is_some() {
        return Err(AwsError::parameter_not_implemented("UpdateStreamMode", "WarmThroughputMiBps"));
    }
    let mode = match input.stream_mode_details.stream_mode {
        StreamMode::Provisioned => Mode::Provisioned,
        StreamMode::OnDemand => Mode::OnDemand,
    };
    let now_ms = cx.env.now().as_millis();
    let asked = Asked {
        operation: "UpdateStreamMode",
        name: None,
        arn: Some(&input.stream_arn),
        id: input.stream_id.as_deref(),
    };
    cx.kv
        .transact(|tx| {
            let mut named = asked.find(&cx, tx)?;
            if named.stream.mode == mode {
                return Ok(());
            }
            let stream = &mut named.stream;
            stream.switched_ms.retain(|at_ms| now_ms - at_ms < DAY_MS);
            if stream.switched_ms.len() >= CHANGES_MAX {
                return Err(errors::limit_exceeded_exception(format!(
                    "The mode of a stream can be changed {CHANGES_MAX} times in 24 hours."
                )));
            }
            match mode {
                Mode::OnDemand => check_on_demand(&stream::totals(tx, &named.key.0, &named.key.1)?)?,
                Mode::Provisioned => stream.places_itself = false,
            }
            stream.mode = mode;
            stream.switched_ms.push(now_ms);
            Ok::<_, AwsError>(STREAMS.put(tx, &named.key, &named.stream)?)
        })
        .await
}
