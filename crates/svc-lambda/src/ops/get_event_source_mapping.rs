//! `GetEventSourceMapping`: one mapping, and how far its last change has got.

use api_lambda::{EventSourceMappingConfiguration, GetEventSourceMappingInput};
use aws_wire::Result;

use crate::Ctx;
use crate::event_source_mapping::not_found;
use crate::keys::EVENT_SOURCE_MAPPINGS;

pub(crate) async fn get_event_source_mapping(
    cx: Ctx,
    input: GetEventSourceMappingInput,
) -> Result<EventSourceMappingConfiguration> {
    let key = (&*cx.caller.account, &*cx.caller.region, input.uuid.as_str());
    let mapping = EVENT_SOURCE_MAPPINGS.get(&cx.kv.snapshot().await?, &key)?;
    Ok(cx.state.mappings.shown(&mapping.ok_or_else(not_found)?))
}
