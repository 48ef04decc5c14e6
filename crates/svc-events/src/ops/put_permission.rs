//! `PutPermission`: a statement of the bus's policy, by its id, or the whole policy.

use api_events::{PutPermissionInput, errors};
use aws_auth::policy::Policy;
use aws_wire::{AwsError, Result};
use serde_json::{Value as Json, json};

use crate::keys::BUSES;
use crate::{Ctx, bus};

/// Of a policy's document, in bytes.
const POLICY_BYTES_MAX: usize = 10_240;

pub(crate) async fn put_permission(cx: Ctx, input: PutPermissionInput) -> Result<()> {
    let now_ms = cx.env.now().as_millis();
    cx.kv
        .transact(|tx| {
            let (key, mut bus) = bus::own(&cx, tx, input.event_bus_name.as_deref(), "PutPermission")?;
            let policy = match &input.policy {
                Some(text) => serde_json::from_str(text).map_err(|error| {
                    AwsError::validation(format!("Parameter Policy is not valid. {error}"))
                })?,
                None => with_statement(bus.policy.take(), statement(&input, &bus::arn(&key))?),
            };
            if policy.to_string().len() > POLICY_BYTES_MAX {
                return Err(errors::policy_length_exceeded_exception(
                    "The size of the policy is over the limit.",
                ));
            }
            Policy::parse(&policy)
                .map_err(|error| AwsError::validation(format!("Parameter Policy is not valid. {error}")))?;
            (bus.policy, bus.modified_ms) = (Some(policy), Some(now_ms));
            Ok(BUSES.put(tx, &key, &bus)?)
        })
        .await
}

fn statement(input: &PutPermissionInput, bus: &str) -> Result<Json> {
    let missing = |parameter: &str| AwsError::validation(format!("Parameter {parameter} must be specified."));
    let id = input.statement_id.as_ref().ok_or_else(|| missing("StatementId"))?;
    let action = input.action.as_ref().ok_or_else(|| missing("Action"))?;
    let principal = input.principal.as_ref().ok_or_else(|| missing("Principal"))?;
    if action != "events:PutEvents" {
        return Err(AwsError::validation("Provided value in parameter 'action' is not supported."));
    }
    let principal = match principal.as_str() {
        "*" => json!("*"),
        account => json!({ "AWS": format!("arn:aws:iam::{account}:root") }),
    };
    let mut statement =
        json!({ "Sid": id, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": bus });
    if let Some(condition) = &input.condition {
        statement["Condition"] = json!({ &condition.r#type: { &condition.key: condition.value } });
    }
    Ok(statement)
}

/// In the place of the statement with its id, else as the last.
fn with_statement(policy: Option<Json>, statement: Json) -> Json {
    let mut policy = policy.unwrap_or_else(|| json!({ "Version": "2012-10-17", "Statement": [] }));
    // A document may have one statement without a list.
    if policy["Statement"].is_object() {
        policy["Statement"] = json!([policy["Statement"]]);
    }
    if let Some(statements) = policy["Statement"].as_array_mut() {
        match statements.iter_mut().find(|known| known["Sid"] == statement["Sid"]) {
            Some(known) => *known = statement,
            None => statements.push(statement),
        }
    }
    policy
}
