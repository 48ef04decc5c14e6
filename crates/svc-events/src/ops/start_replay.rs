//! `StartReplay`: an archive's events go to its bus again, marked by the replay's name; a job sends them.

use api_events::{ReplayState, StartReplayInput, StartReplayOutput, errors};
use aws_wire::{AwsError, Result};
use env::Timestamp;

use crate::keys::{ArchiveKey, REPLAYS};
use crate::refusal::not_valid;
use crate::replay::{self, Replay};
use crate::{Ctx, archive, bus, keys};

pub(crate) async fn start_replay(cx: Ctx, input: StartReplayInput) -> Result<StartReplayOutput> {
    let named = |name: &str| keys::own(&cx, name);
    let source = input.event_source_arn.rsplit_once("archive/").map(|(_, name)| named(name));
    let source: ArchiveKey = source
        .filter(|key| archive::arn(key) == input.event_source_arn)
        .ok_or_else(|| not_valid("EventSourceArn"))?;
    if input.event_start_time >= input.event_end_time {
        return Err(AwsError::validation(
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
        ));
    }
    let (key, now_ms) = (named(&input.replay_name), cx.env.now().as_millis());
    cx.kv
        .transact(|tx| {
            if REPLAYS.get(tx, &key)?.is_some() {
                let message = format!("Replay {} already exists.", key.2);
                return Err(errors::resource_already_exists_exception(message));
            }
            let archive = archive::find(tx, &source)?;
            if bus::arn(&archive::bus_of(&source, &archive)) != input.destination.arn {
                return Err(AwsError::validation(
                    "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
                ));
            }
            let replay = Replay {
                archive: source.2.clone(),
                archive_id: archive.id,
                bus: archive.bus,
                description: input.description.clone(),
                from_us: input.event_start_time.as_micros(),
                to_us: input.event_end_time.as_micros(),
                only: input.destination.filter_arns.clone().unwrap_or_default(),
                state: ReplayState::Starting.as_str().to_owned(),
                last: None,
                started_ms: now_ms,
                ended_ms: None,
            };
            Ok(REPLAYS.put(tx, &key, &replay)?)
        })
        .await?;
    Ok(StartReplayOutput {
        replay_arn: Some(replay::arn(&key)),
        state: Some(ReplayState::Starting),
        state_reason: None,
        replay_start_time: Some(Timestamp::from_millis(now_ms)),
    })
}
