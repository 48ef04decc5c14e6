//! API keys as they are shown and changed.

use api_apigateway as model;
use aws_wire::Result;
use env::Timestamp;
use execute_api::plan::ApiKey;

use crate::patch::Patch;
use crate::resource::some;

pub(crate) fn shown(key: &ApiKey, id: &str, with_value: bool) -> model::ApiKey {
    model::ApiKey {
        id: Some(id.to_owned()),
        value: with_value.then(|| key.value.clone()),
        name: key.name.clone(),
        customer_id: key.customer_id.clone(),
        description: key.description.clone(),
        enabled: Some(key.enabled),
        created_date: Some(Timestamp::from_secs(key.created_us / 1_000_000)),
        last_updated_date: Some(Timestamp::from_secs(key.updated_us / 1_000_000)),
        stage_keys: Some(Vec::new()),
        tags: some(key.tags.clone()),
    }
}

/// # Errors
/// 400 for a path that it has not.
pub(crate) fn change(key: &mut ApiKey, patch: &Patch) -> Result<()> {
    match patch.segments()[..] {
        ["name"] => key.name = patch.optional(),
        ["description"] => key.description = patch.optional(),
        ["customerId"] => key.customer_id = patch.optional(),
        ["enabled"] => key.enabled = patch.flag()?,
        _ => return Err(patch.invalid()),
    }
    Ok(())
}
