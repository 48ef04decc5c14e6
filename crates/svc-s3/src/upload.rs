//! An upload in parts.

use std::collections::BTreeMap;

use api_s3::{ChecksumAlgorithm, ChecksumType};
use aws_wire::Result;
use kv::{Read, Span, Tx};
use serde::{Deserialize, Serialize};

use crate::access::Acl;
use crate::bucket::Bucket;
use crate::checksum::{Algorithm, Checksum};
use crate::content::{self, Received};
use crate::customer::Fingerprint;
use crate::keys::{Id, PARTS, UPLOADS};
use crate::lock::Lock;
use crate::object::Headers;
use crate::{Ctx, errors, right};

pub(crate) const PARTS_MAX: u32 = 10_000;
/// All parts but the last are at least so large.
pub(crate) const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
pub(crate) const PART_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Upload {
    /// What its parts are kept under.
    pub id: Id,
    /// Milliseconds since the epoch.
    pub begun_ms: i64,
    pub headers: Headers,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub lock: Lock,
    #[serde(default)]
    pub acl: Option<Acl>,
    /// Of the client's own key that its parts are encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Fingerprint>,
    pub algorithm: Algorithm,
    pub composite: bool,
    /// Whether the client asked for the algorithm.
    #[serde(default)]
    pub algorithm_named: bool,
    /// The ARN of who began it.
    pub initiator: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub content: Id,
    pub etag: String,
    pub size_bytes: u64,
    pub checksum: Checksum,
    /// Milliseconds since the epoch.
    pub modified_ms: i64,
}

/// # Errors
/// 404 without it.
pub(crate) fn find(reader: &impl Read, bucket: &Bucket, key: &str, upload: &str) -> Result<Upload> {
    let place = (bucket.id, key.to_owned(), upload.to_owned());
    UPLOADS.get(reader, &place)?.ok_or_else(|| errors::no_such_upload(upload))
}

/// How a request names an upload.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub bucket: &'a str,
    pub owner: Option<&'a str>,
    pub key: &'a str,
    pub id: &'a str,
}

/// Makes what was taken in a part of an upload.
///
/// # Errors
/// 404 where the upload is gone meanwhile.
pub(crate) async fn take_part(cx: &Ctx, named: Named<'_>, number: u32, received: Received) -> Result<Part> {
    let part = Part {
        content: *cx.env.uuid().as_bytes(),
        etag: received.etag(),
        size_bytes: received.size_bytes,
        checksum: received.checksum.clone(),
        modified_ms: cx.env.now().as_millis(),
    };
    let stored = received.store(cx, |tx, content| {
        let bucket = right::bucket(cx, tx, named.bucket, named.owner, ("s3:PutObject", named.key))?;
        let upload = find(tx, &bucket, named.key, named.id)?;
        content::keep(tx, part.content, content)?;
        put_part(tx, &upload, number, &part)
    });
    stored.await?;
    Ok(part)
}

/// # Errors
/// 400 for a number outside 1 to 10,000.
pub(crate) fn check_number(number: i32) -> Result<u32> {
    let number = u32::try_from(number).ok().filter(|number| (1..=PARTS_MAX).contains(number));
    number.ok_or_else(|| {
        let message = "Part number must be an integer between 1 and 10000, inclusive";
        errors::invalid_argument("partNumber", "", message)
    })
}

/// Forgets an upload. Its parts' contents go too, unless they are `kept` as those of an object.
pub(crate) fn end(tx: &mut Tx, bucket: &Bucket, key: &str, name: &str, upload: &Upload) -> Result<()> {
    for ((id, number), part) in PARTS.all(tx, &Span::prefix(&(upload.id,)))? {
        content::release(tx, part.content)?;
        PARTS.delete(tx, &(id, number))?;
    }
    Ok(UPLOADS.delete(tx, &(bucket.id, key.to_owned(), name.to_owned()))?)
}

/// The algorithm of an upload, and whether the whole's checksum is of its parts'.
///
/// # Errors
/// 400 where the two do not go together.
pub(crate) fn checksum_of(
    algorithm: Option<ChecksumAlgorithm>,
    kind: Option<ChecksumType>,
) -> Result<(Algorithm, bool)> {
    let operation = "CreateMultipartUpload";
    let named = algorithm.map(|asked| Algorithm::of(asked, operation)).transpose()?;
    let Some(named) = named else {
        if kind == Some(ChecksumType::Composite) {
            return Err(errors::invalid_request(
                "The COMPOSITE checksum type cannot be used without an algorithm.",
            ));
        }
        return Ok((Algorithm::Crc64Nvme, false));
    };
    let kind = kind.unwrap_or(named.default_type());
    let fits = match kind {
        ChecksumType::Composite => named != Algorithm::Crc64Nvme,
        ChecksumType::FullObject => named.combines(),
    };
    if !fits {
        let (kind, name) = (kind.as_str(), named.name().to_ascii_lowercase());
        let message = format!("The {kind} checksum type cannot be used with the {name} checksum algorithm.");
        return Err(errors::invalid_request(message));
    }
    Ok((named, kind == ChecksumType::Composite))
}

pub(crate) fn shown_type(composite: bool) -> ChecksumType {
    if composite { ChecksumType::Composite } else { ChecksumType::FullObject }
}

/// Stores a part; one of the same number that was there before goes.
fn put_part(tx: &mut Tx, upload: &Upload, number: u32, part: &Part) -> Result<()> {
    if let Some(before) = PARTS.get(tx, &(upload.id, number))? {
        content::release(tx, before.content)?;
    }
    Ok(PARTS.put(tx, &(upload.id, number), part)?)
}
