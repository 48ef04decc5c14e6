//! `DeleteEventBus`: one that is not there is no error; one with rules stays.

use api_events::DeleteEventBusInput;
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::bus::{self, DEFAULT};
use crate::keys::{BUSES, EDITIONS, RULES};
use crate::refusal::denied;

pub(crate) async fn delete_event_bus(cx: Ctx, input: DeleteEventBusInput) -> Result<()> {
    let key = bus::key(&cx, Some(&input.name));
    if key.2 == DEFAULT {
        return Err(AwsError::validation("Cannot delete event bus default."));
    }
    if key.0 != *cx.caller.account {
        return Err(denied(&cx.caller.principal.arn, "DeleteEventBus", &bus::arn(&key)));
    }
    let of_bus = Span::prefix(&(key.0.as_str(), key.1.as_str(), key.2.as_str()));
    cx.kv
        .transact(|tx| {
            if !RULES.scan(tx, &of_bus, 1, Direction::Forward)?.is_empty() {
                return Err(AwsError::validation(format!(
                    "Cannot delete event bus {} because it has rules.",
                    key.2
                )));
            }
            // The edition goes on: a bus of the same name is not taken for this one.
            let edition = EDITIONS.get(tx, &key)?.unwrap_or(0);
            EDITIONS.put(tx, &key, &(edition + 1))?;
            Ok(BUSES.delete(tx, &key)?)
        })
        .await
}
