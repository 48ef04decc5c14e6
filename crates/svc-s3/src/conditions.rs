//! Conditional reads and writes.

use aws_wire::{Result, timestamp};
use env::Timestamp;

use crate::errors;
use crate::object::Object;

/// What a reader demands of a version.
#[derive(Default)]
pub(crate) struct Conditions<'a> {
    pub if_match: Option<&'a str>,
    pub if_none_match: Option<&'a str>,
    pub if_modified_since: Option<Timestamp>,
    pub if_unmodified_since: Option<Timestamp>,
}

/// What a version fails.
pub(crate) enum Failed {
    /// 412, and which condition.
    Precondition(&'static str),
    NotModified,
}

impl Conditions<'_> {
    /// The first that `object` fails. An entity tag outweighs a date.
    pub(crate) fn failed(&self, object: &Object) -> Option<Failed> {
        // Dates of HTTP have whole seconds.
        let modified = object.modified().as_secs();
        if let Some(tags) = self.if_match {
            if !names(tags, object) {
                return Some(Failed::Precondition("If-Match"));
            }
        } else if self.if_unmodified_since.is_some_and(|since| modified > since.as_secs()) {
            return Some(Failed::Precondition("If-Unmodified-Since"));
        }
        if let Some(tags) = self.if_none_match {
            return names(tags, object).then_some(Failed::NotModified);
        }
        self.if_modified_since.is_some_and(|since| modified <= since.as_secs()).then_some(Failed::NotModified)
    }

    /// # Errors
    /// 304 or 412 for a reader.
    pub(crate) fn check_read(&self, object: &Object) -> Result<()> {
        match self.failed(object) {
            None => Ok(()),
            Some(Failed::Precondition(condition)) => Err(errors::precondition_failed(condition)),
            Some(Failed::NotModified) => Err(errors::not_modified()
                .with_header("etag", object.quoted_etag())
                .with_header("last-modified", timestamp::http_date(object.modified()))),
        }
    }

    /// # Errors
    /// 412 for a copy, whichever it is.
    pub(crate) fn check_source(&self, object: &Object) -> Result<()> {
        match self.failed(object) {
            None => Ok(()),
            Some(Failed::Precondition(_) | Failed::NotModified) => {
                Err(errors::precondition_failed("x-amz-copy-source-If-Match"))
            }
        }
    }
}

/// Whether a list of entity tags names this one; a star names any.
fn names(tags: &str, object: &Object) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || bare(tag) == object.etag)
}

pub(crate) fn bare(tag: &str) -> &str {
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.trim_matches('"')
}

/// # Errors
/// 404 or 412 when what is there now is not what the writer demands; 501 for what S3 does not know either.
pub(crate) fn check_write(
    current: Option<&Object>,
    key: &str,
    if_match: Option<&str>,
    if_none_match: Option<&str>,
) -> Result<()> {
    let current = current.filter(|current| !current.marker);
    if let Some(tags) = if_none_match {
        if tags.trim() != "*" {
            let message = "A header you provided implies functionality that is not implemented";
            return Err(errors::other(501, "NotImplemented", message).with("Header", "If-None-Match"));
        }
        if current.is_some() {
            return Err(errors::precondition_failed("If-None-Match"));
        }
    }
    if let Some(tags) = if_match {
        let current = current.ok_or_else(|| errors::no_such_key(key))?;
        if !names(tags, current) {
            return Err(errors::precondition_failed("If-Match"));
        }
    }
    Ok(())
}
