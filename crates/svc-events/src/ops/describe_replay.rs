//! `DescribeReplay`

use api_events::{DescribeReplayInput, DescribeReplayOutput};
use aws_wire::Result;
use env::Timestamp;

use crate::{Ctx, keys, replay};

pub(crate) async fn describe_replay(cx: Ctx, input: DescribeReplayInput) -> Result<DescribeReplayOutput> {
    let key = keys::own(&cx, &input.replay_name);
    let replay = replay::find(&cx.kv.snapshot().await?, &key)?;
    Ok(DescribeReplayOutput {
        replay_arn: Some(replay::arn(&key)),
        state: Some(replay.state()),
        state_reason: None,
        event_source_arn: Some(replay.archive_arn(&key)),
        destination: Some(replay.destination(&key)),
        event_start_time: Some(Timestamp::from_micros(replay.from_us)),
        event_end_time: Some(Timestamp::from_micros(replay.to_us)),
        event_last_replayed_time: replay.last_replayed(),
        replay_start_time: Some(Timestamp::from_millis(replay.started_ms)),
        replay_end_time: replay.ended(),
        replay_name: Some(key.2),
        description: replay.description,
    })
}
