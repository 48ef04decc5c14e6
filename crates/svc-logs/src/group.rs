//! A log group, and how requests name one.

use std::collections::BTreeMap;

use api_logs::errors;
use aws_wire::{AwsError, Result};
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::keys::{GROUPS, GroupKey, Id};
use crate::subscription::Filter;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub id: Id,
    /// Milliseconds since the epoch.
    pub created_ms: i64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// By name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
}

pub(crate) fn key(cx: &Ctx, name: &str) -> GroupKey {
    (cx.caller.account.to_string(), cx.caller.region.to_string(), name.to_owned())
}

/// The group that a request names by its name or, in `identifier`, by its ARN.
///
/// # Errors
/// 400 when it is named twice or not at all.
pub(crate) fn named(name: Option<&str>, identifier: Option<&str>) -> Result<String> {
    match (name, identifier) {
        (Some(name), None) => Ok(name.to_owned()),
        (None, Some(identifier)) => {
            let name = identifier.split(":log-group:").nth(1).unwrap_or(identifier);
            Ok(name.trim_end_matches(":*").to_owned())
        }
        (Some(_), Some(_)) => Err(errors::invalid_parameter_exception(
            "LogGroup name and LogGroup identifier are mutually exclusive parameters.",
        )),
        (None, None) => Err(errors::invalid_parameter_exception(
            "Either LogGroup name or LogGroup identifier must be specified.",
        )),
    }
}

/// # Errors
/// 400 `ResourceNotFoundException` without the group.
pub(crate) fn find(reader: &impl Read, key: &GroupKey) -> Result<Group> {
    GROUPS.get(reader, key)?.ok_or_else(not_found)
}

pub(crate) fn not_found() -> AwsError {
    errors::resource_not_found_exception("The specified log group does not exist.")
}

pub(crate) fn arn(cx: &Ctx, name: &str) -> String {
    cx.caller.arn("logs", &format!("log-group:{name}"))
}
