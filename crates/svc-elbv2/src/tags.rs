//! Tags: at most fifty of each thing.

use std::collections::BTreeMap;

use api_elbv2::{Tag, errors};
use aws_wire::Result;

use crate::refusal::invalid;

const TAGS_MAX: usize = 50;

pub(crate) type Tags = BTreeMap<String, String>;

/// Tags as a request gives them.
///
/// # Errors
/// 400 for keys that are given twice, or are AWS's own.
pub(crate) fn read(given: Option<Vec<Tag>>) -> Result<Tags> {
    let mut tags = Tags::new();
    for tag in given.unwrap_or_default() {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(format!("Tag key '{}' cannot begin with 'aws:'", tag.key)));
        }
        if tags.insert(tag.key.clone(), tag.value.unwrap_or_default()).is_some() {
            return Err(errors::duplicate_tag_keys_exception(format!("Duplicate tag key: '{}'", tag.key)));
        }
    }
    check(&tags).map(|()| tags)
}

/// # Errors
/// 400 for too many.
pub(crate) fn check(tags: &Tags) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(errors::too_many_tags_exception(format!("More than '{TAGS_MAX}' tags are not allowed")));
    }
    Ok(())
}

pub(crate) fn shown(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: Some(value.clone()) }).collect()
}
