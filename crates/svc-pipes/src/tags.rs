//! Tags of pipes.

use std::collections::BTreeMap;

use aws_wire::Result;

use crate::pipe::invalid;

const TAGS_MAX: usize = 50;

/// # Errors
/// 400 for too many, and for names that are AWS's own.
pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<()> {
    if tags.len() > TAGS_MAX {
        return Err(invalid("The number of tags exceeds the limit of 50."));
    }
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(invalid("Tag keys must not begin with aws:."));
    }
    Ok(())
}
