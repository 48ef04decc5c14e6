//! `UpdateEventSourceMapping`: other settings, another function, or polling switched on or off. The source stays.

use api_lambda::{EventSourceMappingConfiguration, UpdateEventSourceMappingInput, errors};
use aws_wire::{AwsError, Result};

use super::create_event_source_mapping::{claim_identity, function};
use crate::Ctx;
use crate::event_source_mapping::{EventSourceMapping, MappingState, not_found};
use crate::keys::{EVENT_SOURCE_MAPPINGS, MAPPING_IDENTITIES};
use crate::mapping_settings::MappingSettings;
use crate::name::FunctionName;

pub(crate) async fn update_event_source_mapping(
    cx: Ctx,
    input: UpdateEventSourceMappingInput,
) -> Result<EventSourceMappingConfiguration> {
    let given = MappingSettings::of_update(&input)?;
    let key = (&*cx.caller.account, &*cx.caller.region, input.uuid.as_str());
    let before = EVENT_SOURCE_MAPPINGS.get(&cx.kv.snapshot().await?, &key)?.ok_or_else(not_found)?;
    check_unused(&before)?;
    let name = input.function_name.as_deref().unwrap_or(&before.function_arn);
    let name = FunctionName::parse(&cx.caller, name, None)?;
    let enabled = input.enabled.unwrap_or(before.enabled);
    let after = EventSourceMapping {
        function_arn: name.qualified_arn(),
        settings: before.settings.clone().updated(given),
        enabled,
        state: match (before.enabled, enabled) {
            (false, true) => MappingState::Enabling,
            (true, false) => MappingState::Disabling,
            _ => MappingState::Updating,
        },
        problem: None,
        last_modified_us: cx.env.now().as_micros(),
        ..before.clone()
    };
    after.settings.check(&after.source)?;
    // A mapping may outlive its function; it can still be switched off then.
    if enabled || after.function_arn != before.function_arn {
        cx.state.mappings.check_source(&cx, &after, &function(&cx, &name).await?).await?;
    }
    cx.kv
        .transact(|tx| {
            let stored = EVENT_SOURCE_MAPPINGS.get(tx, &key)?.ok_or_else(not_found)?;
            // Tags may have changed since; what else has was another update's.
            if (EventSourceMapping { tags: before.tags.clone(), ..stored.clone() }) != before {
                return Err(in_use());
            }
            if after.function_arn != before.function_arn {
                claim_identity(tx, &after)?;
                MAPPING_IDENTITIES.delete(tx, &before.identity())?;
            }
            let after = EventSourceMapping { tags: stored.tags, ..after.clone() };
            Ok::<_, AwsError>(EVENT_SOURCE_MAPPINGS.put(tx, &key, &after)?)
        })
        .await?;
    cx.state.mappings.changed(after.key()).await?;
    Ok(cx.state.mappings.shown(&after))
}

/// # Errors
/// 400 `ResourceInUseException` while another change is under way.
pub(super) fn check_unused(mapping: &EventSourceMapping) -> Result<()> {
    if mapping.state.is_settled() { Ok(()) } else { Err(in_use()) }
}

fn in_use() -> AwsError {
    errors::resource_in_use_exception("Cannot update the event source mapping because it is in use.")
}
