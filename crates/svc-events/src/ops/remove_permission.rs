//! `RemovePermission`: a statement of the bus's policy, or all of it.

use api_events::{RemovePermissionInput, errors};
use aws_wire::{AwsError, Result};
use serde_json::Value as Json;

use crate::keys::BUSES;
use crate::{Ctx, bus};

pub(crate) async fn remove_permission(cx: Ctx, input: RemovePermissionInput) -> Result<()> {
    let now_ms = cx.env.now().as_millis();
    cx.kv
        .transact(|tx| {
            let (key, mut bus) = bus::own(&cx, tx, input.event_bus_name.as_deref(), "RemovePermission")?;
            if input.remove_all_permissions == Some(true) {
                bus.policy = None;
            } else {
                let id = input
                    .statement_id
                    .as_deref()
                    .ok_or_else(|| AwsError::validation("Parameter StatementId must be specified."))?;
                let none = || errors::resource_not_found_exception("EventBus does not have a policy.");
                bus.policy = without_statement(bus.policy.ok_or_else(none)?, id)?;
            }
            bus.modified_ms = Some(now_ms);
            Ok(BUSES.put(tx, &key, &bus)?)
        })
        .await
}

/// A policy without statements is none.
fn without_statement(mut policy: Json, id: &str) -> Result<Option<Json>> {
    let none = || errors::resource_not_found_exception("Statement with the provided id does not exist.");
    if policy["Statement"]["Sid"] == id {
        return Ok(None);
    }
    let statements = policy["Statement"].as_array_mut().ok_or_else(none)?;
    let before = statements.len();
    statements.retain(|statement| statement["Sid"] != id);
    if statements.len() == before {
        return Err(none());
    }
    Ok((!statements.is_empty()).then_some(policy))
}
