//! Versions of objects: how they follow each other, and how requests name one.

use std::collections::BTreeMap;

use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::{Direction, Read, SCAN_ROWS_MAX, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::access::Acl;
use crate::bucket::{Bucket, Versioning};
use crate::checksum::Checksum;
use crate::customer::Fingerprint;
use crate::keys::{CURRENT, Id, OLDER};
use crate::restore::Restore;
use crate::{Ctx, content, errors, lock};

/// The version that a bucket without versioning gives.
pub(crate) const NULL: &str = "null";
/// A key in bytes of UTF-8.
const KEY_BYTES_MAX: usize = 1024;

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Object {
    /// Counts down with time, so that newer versions come first.
    pub rank: u64,
    pub version: String,
    #[serde(default)]
    pub marker: bool,
    /// Milliseconds since the epoch.
    pub modified_ms: i64,
    /// Without quotes.
    #[serde(default)]
    pub etag: String,
    #[serde(default)]
    pub size_bytes: u64,
    #[serde(default)]
    pub content: Option<Id>,
    /// How many parts it was uploaded in; 0 when in none.
    #[serde(default)]
    pub parts: u32,
    #[serde(default)]
    pub checksum: Option<Checksum>,
    #[serde(default)]
    pub headers: Headers,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub lock: lock::Lock,
    #[serde(default)]
    pub acl: Option<Acl>,
    /// Of the client's own key that it is encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Fingerprint>,
    /// The copy of an archived one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<Restore>,
}

/// What a client says of an object, and gets back with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Headers {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website_redirect: Option<String>,
    /// Another than STANDARD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// The client's own, by lower-case name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl Object {
    pub(crate) fn modified(&self) -> Timestamp {
        Timestamp::from_millis(self.modified_ms)
    }

    /// As headers and documents have it.
    pub(crate) fn quoted_etag(&self) -> String {
        format!("\"{}\"", self.etag)
    }

    /// The version's id where the bucket ever had versions.
    pub(crate) fn shown_version(&self, bucket: &Bucket) -> Option<String> {
        (bucket.versioning != Versioning::Never).then(|| self.version.clone())
    }
}

/// # Errors
/// 400 for a key that is too long.
pub(crate) fn check_key(key: &str) -> Result<()> {
    if key.len() <= KEY_BYTES_MAX {
        return Ok(());
    }
    let error = errors::other(400, "KeyTooLongError", "Your key is too long");
    Err(error.with("Size", key.len().to_string()).with("MaxSizeAllowed", KEY_BYTES_MAX.to_string()))
}

/// The random part of a version that is about to be added.
#[derive(Clone, Copy)]
pub(crate) struct Draw {
    pub now: Timestamp,
    pub id: Id,
}

impl Draw {
    pub(crate) fn new(cx: &Ctx) -> Self {
        Self { now: cx.env.now(), id: *cx.env.uuid().as_bytes() }
    }
}

/// Makes `object` the latest version of `key`: what it replaces goes, or becomes an older version, as the bucket's
/// versioning has it.
pub(crate) fn add(tx: &mut Tx, bucket: &Bucket, key: &str, mut object: Object, draw: Draw) -> Result<Object> {
    let place = (bucket.id, key.to_owned());
    let before = CURRENT.get(tx, &place)?;
    let by_time = !u64::try_from(draw.now.as_micros()).unwrap_or_default();
    object.rank = before.as_ref().map_or(by_time, |before| by_time.min(before.rank.saturating_sub(1)));
    object.modified_ms = draw.now.as_millis();
    if bucket.versioning == Versioning::Enabled {
        let random = u64::from_be_bytes(draw.id[..8].try_into().expect("eight bytes"));
        object.version = format!("{:016x}{random:016x}", object.rank);
    } else {
        NULL.clone_into(&mut object.version);
    }
    if let Some(before) = before {
        if before.version == NULL && object.version == NULL {
            drop_content(tx, &before)?;
        } else {
            if object.version == NULL {
                remove_older_null(tx, bucket, key)?;
            }
            OLDER.put(tx, &(bucket.id, key.to_owned(), before.rank), &before)?;
        }
    }
    CURRENT.put(tx, &place, &object)?;
    Ok(object)
}

fn remove_older_null(tx: &mut Tx, bucket: &Bucket, key: &str) -> Result<()> {
    let Some(null) = older_null(tx, bucket, key)? else { return Ok(()) };
    drop_content(tx, &null)?;
    Ok(OLDER.delete(tx, &(bucket.id, key.to_owned(), null.rank))?)
}

fn drop_content(tx: &mut Tx, object: &Object) -> Result<()> {
    object.content.map_or(Ok(()), |content| content::release(tx, content))
}

/// Removes one version for good. The one before it becomes the latest.
pub(crate) fn remove(tx: &mut Tx, bucket: &Bucket, key: &str, object: &Object) -> Result<()> {
    drop_content(tx, object)?;
    let place = (bucket.id, key.to_owned());
    let is_current = CURRENT.get(tx, &place)?.is_some_and(|current| current.rank == object.rank);
    if !is_current {
        return Ok(OLDER.delete(tx, &(bucket.id, key.to_owned(), object.rank))?);
    }
    let next = OLDER.scan(tx, &Span::prefix(&(bucket.id, key)), 1, Direction::Forward)?;
    match next.into_iter().next() {
        Some((at, next)) => {
            OLDER.delete(tx, &at)?;
            Ok(CURRENT.put(tx, &place, &next)?)
        }
        None => Ok(CURRENT.delete(tx, &place)?),
    }
}

/// Writes a version again, with other tags, locks or headers.
pub(crate) fn rewrite(tx: &mut Tx, bucket: &Bucket, key: &str, object: &Object) -> Result<()> {
    let place = (bucket.id, key.to_owned());
    let is_current = CURRENT.get(tx, &place)?.is_some_and(|current| current.rank == object.rank);
    if is_current {
        return Ok(CURRENT.put(tx, &place, object)?);
    }
    Ok(OLDER.put(tx, &(bucket.id, key.to_owned(), object.rank), object)?)
}

pub(crate) fn current(reader: &impl Read, bucket: &Bucket, key: &str) -> Result<Option<Object>> {
    Ok(CURRENT.get(reader, &(bucket.id, key.to_owned()))?)
}

/// The version of that id, be it a delete marker.
///
/// # Errors
/// 400 for what is no version's id.
pub(crate) fn version(reader: &impl Read, bucket: &Bucket, key: &str, id: &str) -> Result<Option<Object>> {
    let current = current(reader, bucket, key)?;
    if current.as_ref().is_some_and(|current| current.version == id) {
        return Ok(current);
    }
    if id == NULL {
        return older_null(reader, bucket, key);
    }
    let rank = id.get(..16).filter(|_| id.len() == 32).and_then(|rank| u64::from_str_radix(rank, 16).ok());
    let Some(rank) = rank else {
        return Err(errors::invalid_argument("versionId", id, "Invalid version id specified"));
    };
    let found = OLDER.get(reader, &(bucket.id, key.to_owned(), rank))?;
    Ok(found.filter(|found| found.version == id))
}

fn older_null(reader: &impl Read, bucket: &Bucket, key: &str) -> Result<Option<Object>> {
    let mut span = Span::prefix(&(bucket.id, key));
    loop {
        let page = OLDER.scan(reader, &span, SCAN_ROWS_MAX, Direction::Forward)?;
        let full = page.len() == SCAN_ROWS_MAX;
        let last = page.last().map(|(at, _)| at.clone());
        if let Some((_, found)) = page.into_iter().find(|(_, object)| object.version == NULL) {
            return Ok(Some(found));
        }
        let Some(last) = last.filter(|_| full) else { return Ok(None) };
        span = span.after(&last);
    }
}

/// The object that a request reads: the version it names, or the latest.
///
/// # Errors
/// 404 without it; for a delete marker 404 as the latest, 405 by its id, with headers that say so.
pub(crate) fn find(
    reader: &impl Read,
    bucket: &Bucket,
    key: &str,
    id: Option<&str>,
    method: &str,
) -> Result<Object> {
    let found = match id {
        Some(id) => version(reader, bucket, key, id)?.ok_or_else(|| errors::no_such_version(key, id))?,
        None => current(reader, bucket, key)?.ok_or_else(|| errors::no_such_key(key))?,
    };
    if !found.marker {
        return Ok(found);
    }
    let error: AwsError =
        if id.is_some() { errors::method_not_allowed(method) } else { errors::no_such_key(key) };
    let error = error.with_header("x-amz-delete-marker", "true");
    let error = if id.is_some() {
        error.with_header("last-modified", aws_wire::timestamp::http_date(found.modified()))
    } else {
        error
    };
    Err(match found.shown_version(bucket) {
        Some(version) => error.with_header("x-amz-version-id", version),
        None => error,
    })
}
