//! `ListReplays`: by name.

use api_events::{ListReplaysInput, ListReplaysOutput, Replay};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Span, StartsWith};

use crate::keys::REPLAYS;
use crate::{Ctx, page};

pub(crate) async fn list_replays(cx: Ctx, input: ListReplaysInput) -> Result<ListReplaysOutput> {
    let said = usize::from(input.name_prefix.is_some())
        + usize::from(input.event_source_arn.is_some())
        + usize::from(input.state.is_some());
    if said > 1 {
        return Err(AwsError::validation(
            "At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or NamePrefix.",
        ));
    }
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let prefix = input.name_prefix.as_deref().unwrap_or_default();
    let mut span = Span::prefix(&(account, region, StartsWith(prefix)));
    if let Some(token) = &input.next_token {
        span = span.after(&(account, region, page::after(token)?));
    }
    let mut rows = REPLAYS.all(&cx.kv.snapshot().await?, &span)?;
    rows.retain(|(key, replay)| {
        input.event_source_arn.as_ref().is_none_or(|arn| *arn == replay.archive_arn(key))
            && input.state.is_none_or(|state| state == replay.state())
    });
    let next_token = page::cut(&mut rows, page::length(input.limit), |((.., name), _)| name);
    let replays = rows.into_iter().map(|(key, replay)| Replay {
        event_source_arn: Some(replay.archive_arn(&key)),
        state: Some(replay.state()),
        state_reason: None,
        event_start_time: Some(Timestamp::from_micros(replay.from_us)),
        event_end_time: Some(Timestamp::from_micros(replay.to_us)),
        event_last_replayed_time: replay.last_replayed(),
        replay_start_time: Some(Timestamp::from_millis(replay.started_ms)),
        replay_end_time: replay.ended(),
        replay_name: Some(key.2),
    });
    Ok(ListReplaysOutput { replays: Some(replays.collect()), next_token })
}
