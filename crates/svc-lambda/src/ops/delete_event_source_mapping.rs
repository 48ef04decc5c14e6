//! `DeleteEventSourceMapping`: it is gone when its batches under way are done.

use api_lambda::{DeleteEventSourceMappingInput, EventSourceMappingConfiguration};
use aws_wire::{AwsError, Result};

use super::update_event_source_mapping::check_unused;
use crate::Ctx;
use crate::event_source_mapping::{MappingState, not_found};
use crate::keys::EVENT_SOURCE_MAPPINGS;

pub(crate) async fn delete_event_source_mapping(
    cx: Ctx,
    input: DeleteEventSourceMappingInput,
) -> Result<EventSourceMappingConfiguration> {
    let key = (&*cx.caller.account, &*cx.caller.region, input.uuid.as_str());
    let now = cx.env.now();
    let mapping = cx
        .kv
        .transact(|tx| {
            let mut mapping = EVENT_SOURCE_MAPPINGS.get(tx, &key)?.ok_or_else(not_found)?;
            check_unused(&mapping)?;
            mapping.state = MappingState::Deleting;
            mapping.last_modified_us = now.as_micros();
            EVENT_SOURCE_MAPPINGS.put(tx, &key, &mapping)?;
            Ok::<_, AwsError>(mapping)
        })
        .await?;
    cx.state.mappings.changed(mapping.key()).await?;
    Ok(cx.state.mappings.shown(&mapping))
}
