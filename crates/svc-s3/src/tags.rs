//! Tags of buckets and objects.

use std::collections::BTreeMap;

use api_s3::{Tag, Tagging};
use aws_wire::Result;
use percent_encoding::percent_decode_str;

use crate::errors;

pub(crate) const OF_OBJECT_MAX: usize = 10;
pub(crate) const OF_BUCKET_MAX: usize = 50;

/// # Errors
/// 400 for too many, for a key that is there twice, or for one S3 would not take.
pub(crate) fn check(tags: Vec<Tag>, tags_max: usize) -> Result<BTreeMap<String, String>> {
    let invalid = |message: &str| errors::other(400, "InvalidTag", message);
    if tags.len() > tags_max {
        let message = if tags_max == OF_OBJECT_MAX {
            "Object tags cannot be greater than 10"
        } else {
            "Bucket tag count cannot be greater than 50"
        };
        return Err(errors::other(400, "BadRequest", message));
    }
    let mut checked = BTreeMap::new();
    for Tag { key, value } in tags {
        if key.is_empty() || key.chars().count() > 128 {
            return Err(invalid("The TagKey you have provided is invalid").with("TagKey", key));
        }
        if key.starts_with("aws:") {
            return Err(invalid("System tags cannot be added/updated by requester").with("TagKey", key));
        }
        if value.chars().count() > 256 {
            return Err(invalid("The TagValue you have provided is invalid").with("TagKey", key));
        }
        if let Some(before) = checked.insert(key.clone(), value) {
            let _ = before;
            return Err(invalid("Cannot provide multiple Tags with the same key").with("TagKey", key));
        }
    }
    Ok(checked)
}

/// The tags of an `x-amz-tagging` header.
///
/// # Errors
/// As [`check`].
pub(crate) fn of_header(header: Option<&str>) -> Result<BTreeMap<String, String>> {
    let fields = header.unwrap_or_default().split('&').filter(|field| !field.is_empty());
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let tags = fields.map(|field| {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        Tag { key: decode(key), value: decode(value) }
    });
    check(tags.collect(), OF_OBJECT_MAX)
}

pub(crate) fn shown(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// # Errors
/// As [`check`]; 400 without a document.
pub(crate) fn of_document(document: Option<Tagging>, tags_max: usize) -> Result<BTreeMap<String, String>> {
    check(document.ok_or_else(errors::malformed_xml)?.tag_set, tags_max)
}
