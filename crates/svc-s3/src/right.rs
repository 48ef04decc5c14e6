//! Who may do what with a bucket's objects, where that is not the bucket's own account: what the bucket's policy says.

use api_s3::GetBucketPolicyInput;
use aws_auth::policy::Policy;
use aws_wire::{AwsError, Result};
use kv::Read;
use service::Asking;

use crate::bucket::Bucket;
use crate::keys::BUCKETS;
use crate::object::Object;
use crate::{Ctx, document, errors, object};

/// The one who asks, unless that is the bucket's own account.
fn stranger(cx: &Ctx, bucket: &Bucket) -> Option<Asking> {
    match &cx.sender {
        Some(sender) => Some(cx.asking_as(sender)),
        None => (*cx.caller.account != bucket.account).then(|| cx.asking()),
    }
}

/// Whether the bucket's policy lets them do it; `key` is empty for what is done with the bucket itself.
///
/// # Errors
/// Those of the store.
pub(crate) fn may(
    asking: &Asking,
    reader: &impl Read,
    bucket: &Bucket,
    action: &str,
    key: &str,
) -> Result<bool> {
    let stored = document::read::<GetBucketPolicyInput>(reader, bucket)?.and_then(|found| found.policy);
    let document = stored.and_then(|text| serde_json::from_str(&text).ok());
    let Some(policy) = document.and_then(|document| Policy::parse(&document).ok()) else {
        return Ok(false);
    };
    let resource = if key.is_empty() { bucket.arn() } else { format!("{}/{key}", bucket.arn()) };
    Ok(asking.is_let_in(&policy, action, &resource))
}

/// An object that they may read, by the bucket's policy or the object's ACL.
///
/// # Errors
/// 404 without it, 403 where they may not.
pub(crate) fn read(
    asking: &Asking,
    reader: &impl Read,
    bucket: &Bucket,
    wanted: Wanted<'_>,
) -> Result<Object> {
    let action = if wanted.version.is_some() { "s3:GetObjectVersion" } else { "s3:GetObject" };
    let found = object::find(reader, bucket, wanted.key, wanted.version, wanted.method);
    let by_acl = |object: &Object| matches!(object.acl.as_deref(), Some("public-read" | "public-read-write"));
    if !may(asking, reader, bucket, action, wanted.key)? && !found.as_ref().is_ok_and(by_acl) {
        return Err(denied());
    }
    found
}

/// What of a bucket somebody would read.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub key: &'a str,
    pub version: Option<&'a str>,
    pub method: &'static str,
}

/// A bucket and an object in it that the one who asks may read.
///
/// # Errors
/// 404 without them, 403 where they may not.
pub(crate) fn readable(
    cx: &Ctx,
    reader: &impl Read,
    name: &str,
    expected_owner: Option<&str>,
    wanted: Wanted<'_>,
) -> Result<(Bucket, Object)> {
    let bucket = find(reader, name, expected_owner)?;
    let object = match stranger(cx, &bucket) {
        Some(asking) => match read(&asking, reader, &bucket, wanted) {
            // That there is none is only told to those who may list the bucket.
            Err(error) if error.status == 404 && !may(&asking, reader, &bucket, "s3:ListBucket", "")? => {
                return Err(denied());
            }
            read => read?,
        },
        None => object::find(reader, &bucket, wanted.key, wanted.version, wanted.method)?,
    };
    Ok((bucket, object))
}

/// A bucket with which the one who asks may do this.
///
/// # Errors
/// 404 without it, 403 where they may not.
pub(crate) fn bucket(
    cx: &Ctx,
    reader: &impl Read,
    name: &str,
    expected_owner: Option<&str>,
    (action, key): (&str, &str),
) -> Result<Bucket> {
    let bucket = find(reader, name, expected_owner)?;
    match stranger(cx, &bucket) {
        Some(asking) if !may(&asking, reader, &bucket, action, key)? => Err(denied()),
        _ => Ok(bucket),
    }
}

fn find(reader: &impl Read, name: &str, expected_owner: Option<&str>) -> Result<Bucket> {
    let bucket = BUCKETS.get(reader, &name.to_owned())?.ok_or_else(|| errors::no_such_bucket(name))?;
    if expected_owner.is_some_and(|owner| owner != bucket.account) {
        return Err(denied());
    }
    Ok(bucket)
}

fn denied() -> AwsError {
    errors::access_denied("Access Denied")
}
