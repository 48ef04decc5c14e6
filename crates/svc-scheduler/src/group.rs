//! A group of schedules: its record, and how requests name it.

use std::collections::BTreeMap;

use api_scheduler::{ScheduleGroupState, Tag, errors};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::Read;
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::keys::{GROUPS, GroupKey};

/// The group that every account has in every region.
pub(crate) const DEFAULT: &str = "default";
const TAGS_MAX: usize = 50;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Zero for a default group.
    #[serde(default)]
    pub created_ms: i64,
    #[serde(default)]
    pub modified_ms: i64,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Its schedules are being deleted, and then it.
    #[serde(default)]
    pub deleting: bool,
    /// What the request that made it called itself by.
    #[serde(default)]
    pub token: Option<String>,
}

impl Group {
    pub(crate) fn state(&self) -> ScheduleGroupState {
        if self.deleting { ScheduleGroupState::Deleting } else { ScheduleGroupState::Active }
    }

    pub(crate) fn created(&self) -> Option<Timestamp> {
        shown(self.created_ms)
    }

    pub(crate) fn modified(&self) -> Option<Timestamp> {
        shown(self.modified_ms)
    }
}

/// A default group was never made.
fn shown(at_ms: i64) -> Option<Timestamp> {
    (at_ms > 0).then(|| Timestamp::from_millis(at_ms))
}

pub(crate) fn key(cx: &Ctx, name: &str) -> GroupKey {
    (cx.caller.account.to_string(), cx.caller.region.to_string(), name.to_owned())
}

pub(crate) fn arn((account, region, name): &GroupKey) -> String {
    format!("arn:aws:scheduler:{region}:{account}:schedule-group/{name}")
}

pub(crate) fn missing(name: &str) -> AwsError {
    errors::resource_not_found_exception(format!("Schedule group {name} does not exist."))
}

/// The default group is there without having been made.
///
/// # Errors
/// 404 without it.
pub(crate) fn find(reader: &impl Read, key: &GroupKey) -> Result<Group> {
    let group = GROUPS.get(reader, key)?.or_else(|| (key.2 == DEFAULT).then(Group::default));
    group.ok_or_else(|| missing(&key.2))
}

/// The group that an ARN of the caller's own names.
///
/// # Errors
/// 404 without it.
pub(crate) fn of_arn(cx: &Ctx, reader: &impl Read, arn: &str) -> Result<(GroupKey, Group)> {
    let mut parts = arn.splitn(6, ':').skip(3);
    let (region, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let name = parts.next().and_then(|resource| resource.strip_prefix("schedule-group/")).unwrap_or_default();
    if account != &*cx.caller.account {
        return Err(missing(name));
    }
    let key = (account.to_owned(), region.to_owned(), name.to_owned());
    let group = find(reader, &key)?;
    Ok((key, group))
}

/// # Errors
/// 400 for more than fifty tags.
pub(crate) fn tags(given: Vec<Tag>) -> Result<BTreeMap<String, String>> {
    let tags = given.into_iter().map(|tag| (tag.key, tag.value)).collect();
    check_tags(&tags).map(|()| tags)
}

/// # Errors
/// Those of [`tags`].
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(errors::validation_exception("The number of tags exceeds the limit of 50."));
    }
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(errors::validation_exception("Tag keys must not begin with aws:."));
    }
    Ok(())
}
