//! `UpdateEventBus`: what it does not say stays.

use api_events::{UpdateEventBusInput, UpdateEventBusOutput};
use aws_wire::{AwsError, Result};

use crate::keys::BUSES;
use crate::{Ctx, bus};

pub(crate) async fn update_event_bus(cx: Ctx, input: UpdateEventBusInput) -> Result<UpdateEventBusOutput> {
    let key = input.kms_key_identifier.as_deref();
    bus::check_settings("UpdateEventBus", key, input.log_config.as_ref())?;
    let now_ms = cx.env.now().as_millis();
    let (key, bus) = cx
        .kv
        .transact(|tx| {
            let (key, mut bus) = bus::own(&cx, tx, input.name.as_deref(), "UpdateEventBus")?;
            if let Some(description) = &input.description {
                bus.description = Some(description.clone());
            }
            if let Some(config) = &input.dead_letter_config {
                bus.dead_letters = config.arn.clone();
            }
            bus.modified_ms = Some(now_ms);
            BUSES.put(tx, &key, &bus)?;
            Ok::<_, AwsError>((key, bus))
        })
        .await?;
    Ok(UpdateEventBusOutput {
        arn: Some(bus::arn(&key)),
        name: Some(key.2),
        kms_key_identifier: None,
        dead_letter_config: bus.dead_letter_config(),
        description: bus.description,
        log_config: input.log_config,
    })
}
