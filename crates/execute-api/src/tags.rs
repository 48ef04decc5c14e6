//! Tags of APIs and of what belongs to them.

use std::collections::BTreeMap;

const TAGS_MAX: usize = 50;

/// # Errors
/// In AWS's words, for too many tags and for keys that are none.
pub fn check(tags: &BTreeMap<String, String>) -> Result<(), String> {
    if tags.len() > TAGS_MAX {
        return Err(format!("The number of tags must not exceed {TAGS_MAX}"));
    }
    let is_tag = |(key, value): (&String, &String)| {
        (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256 && !key.starts_with("aws:")
    };
    match tags.iter().find(|tag| !is_tag(*tag)) {
        Some((key, _)) => Err(format!("Invalid tag key or value specified: {key}")),
        None => Ok(()),
    }
}
