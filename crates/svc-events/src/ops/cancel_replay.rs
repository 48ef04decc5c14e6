//! `CancelReplay`: one that is under way ends after the events that are being sent.

use api_events::{CancelReplayInput, CancelReplayOutput, ReplayState, errors};
use aws_wire::{AwsError, Result};

use crate::keys::REPLAYS;
use crate::{Ctx, keys, replay};

pub(crate) async fn cancel_replay(cx: Ctx, input: CancelReplayInput) -> Result<CancelReplayOutput> {
    let key = keys::own(&cx, &input.replay_name);
    cx.kv
        .transact(|tx| {
            let mut replay = replay::find(tx, &key)?;
            if !matches!(replay.state(), ReplayState::Starting | ReplayState::Running) {
                let message = format!("Replay {} is not in a valid state for this operation.", key.2);
                return Err(errors::illegal_status_exception(message));
            }
            replay.state = ReplayState::Cancelling.as_str().to_owned();
            Ok::<_, AwsError>(REPLAYS.put(tx, &key, &replay)?)
        })
        .await?;
    Ok(CancelReplayOutput {
        replay_arn: Some(replay::arn(&key)),
        state: Some(ReplayState::Cancelling),
        state_reason: None,
    })
}
