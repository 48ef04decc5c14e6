//! Filter policies: which of a topic's messages a subscription wants.

use api_sns::errors;
use aws_wire::{AwsError, Result};
use event_pattern::Pattern;
use serde_json::{Map, Value as Json};

use crate::message::{Attribute, Message};
use crate::refusal::invalid;

const KEYS_MAX: usize = 5;
const COMBINATIONS_MAX: usize = 150;
const BYTES_MAX: usize = 262_144;

/// # Errors
/// 400 for what is no filter policy in its scope, 403 for one that is too complex.
pub(crate) fn check(text: &str, of_body: bool) -> Result<()> {
    let refuse = |reason: &dyn std::fmt::Display| invalid(format!("FilterPolicy: {reason}"));
    if text.len() > BYTES_MAX {
        return Err(refuse(&"Filter policy is too large"));
    }
    let document = serde_json::from_str::<Json>(text)
        .map_err(|error| refuse(&format!("failed to parse JSON. {error}")))?;
    let pattern = Pattern::parse(&document).map_err(|error| refuse(&error))?;
    if !of_body && pattern.depth() > 1 {
        return Err(refuse(&"Filter policy scope MessageAttributes does not support nested filter policy"));
    }
    let (keys, combinations) = pattern.size();
    if keys > KEYS_MAX {
        return Err(refuse(&format!("Filter policy can not have more than {KEYS_MAX} keys")));
    }
    if combinations > COMBINATIONS_MAX {
        return Err(refuse(&"Filter policy is too complex"));
    }
    Ok(())
}

/// Whether a message passes a policy that was checked when it was set.
///
/// # Errors
/// Never for what was checked.
pub(crate) fn passes(policy: &str, of_body: bool, message: &Message) -> Result<bool> {
    let document = serde_json::from_str::<Json>(policy).map_err(AwsError::internal)?;
    let pattern = Pattern::parse(&document).map_err(AwsError::internal)?;
    if of_body {
        // A body that is no JSON object has nothing that a policy could want.
        let body = serde_json::from_str::<Json>(&message.body).ok().filter(Json::is_object);
        return Ok(body.is_some_and(|body| pattern.matches(&body)));
    }
    let attributes =
        message.attributes.iter().filter_map(|(name, attribute)| Some((name.clone(), value(attribute)?)));
    Ok(pattern.matches(&Json::Object(attributes.collect::<Map<_, _>>())))
}

/// What a policy sees of an attribute; nothing of bytes.
fn value(attribute: &Attribute) -> Option<Json> {
    match attribute.data_type.as_str() {
        "Number" => serde_json::from_str::<Json>(&attribute.value).ok().filter(Json::is_number),
        "String.Array" => serde_json::from_str::<Json>(&attribute.value).ok().filter(Json::is_array),
        kind if kind.starts_with("Binary") => None,
        _ => Some(attribute.value.clone().into()),
    }
}

/// A subscription's policies above their number: 403.
pub(crate) fn too_many() -> AwsError {
    errors::filter_policy_limit_exceeded_exception("Filter policy limit exceeded for the topic")
}
