//! `CreateEventBus`: a bus of the account's own.

use api_events::{CreateEventBusInput, CreateEventBusOutput, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::bus::{self, Bus};
use crate::keys::BUSES;
use crate::refusal::too_many;
use crate::{Ctx, keys, tags};

const BUSES_MAX: usize = 100;

pub(crate) async fn create_event_bus(cx: Ctx, input: CreateEventBusInput) -> Result<CreateEventBusOutput> {
    if input.event_source_name.is_some() {
        return Err(AwsError::parameter_not_implemented("CreateEventBus", "EventSourceName"));
    }
    bus::check_settings("CreateEventBus", input.kms_key_identifier.as_deref(), input.log_config.as_ref())?;
    if input.name.contains('/') {
        return Err(AwsError::validation(
            "Event bus name must not contain '/', unless it is that of a partner event source.",
        ));
    }
    let key = keys::own(&cx, &input.name);
    let now_ms = cx.env.now().as_millis();
    let bus = Bus {
        description: input.description,
        dead_letters: input.dead_letter_config.and_then(|config| config.arn),
        tags: tags::check(input.tags)?,
        created_ms: Some(now_ms),
        modified_ms: Some(now_ms),
        policy: None,
    };
    let of_account = Span::prefix(&(key.0.as_str(), key.1.as_str()));
    cx.kv
        .transact(|tx| {
            if bus::get(tx, &key)?.is_some() {
                let message = format!("Event bus {} already exists.", key.2);
                return Err(errors::resource_already_exists_exception(message));
            }
            if BUSES.scan(tx, &of_account, BUSES_MAX, Direction::Forward)?.len() >= BUSES_MAX {
                return Err(too_many());
            }
            Ok(BUSES.put(tx, &key, &bus)?)
        })
        .await?;
    Ok(CreateEventBusOutput {
        event_bus_arn: Some(bus::arn(&key)),
        dead_letter_config: bus.dead_letter_config(),
        description: bus.description,
        kms_key_identifier: None,
        log_config: input.log_config,
    })
}
