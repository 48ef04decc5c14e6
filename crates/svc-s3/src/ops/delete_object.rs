//! `DeleteObject`: puts a delete marker before a key's versions, or removes one version for good.

use api_s3::{DeleteObjectInput, DeleteObjectOutput};
use aws_wire::{AwsError, Result};
use env::Timestamp;
use kv::Tx;

use crate::bucket::{Bucket, Versioning};
use crate::object::{Draw, Object};
use crate::{Ctx, conditions, errors, lock, notify, object, right};

pub(crate) async fn delete_object(cx: Ctx, input: DeleteObjectInput) -> Result<DeleteObjectOutput> {
    if input.mfa.is_some() {
        return Err(AwsError::parameter_not_implemented("DeleteObject", "MFA"));
    }
    let draw = Draw::new(&cx);
    let demanded = Demanded {
        etag: input.if_match.as_deref(),
        modified: input.if_match_last_modified_time,
        size_bytes: input.if_match_size,
    };
    let deleted = cx.kv.transact(|tx| {
        let action = delete_action(input.version_id.as_deref());
        let owner = input.expected_bucket_owner.as_deref();
        let bucket = right::bucket(&cx, tx, &input.bucket, owner, (action, &input.key))?;
        let bypass = input.bypass_governance_retention == Some(true);
        let id = input.version_id.as_deref();
        delete(tx, &cx, &bucket, &input.key, id, &demanded, bypass, draw)
    });
    let deleted = deleted.await?;
    Ok(DeleteObjectOutput {
        delete_marker: deleted.marker.then_some(true),
        version_id: deleted.version,
        ..DeleteObjectOutput::default()
    })
}

/// The right to it, as policies have it.
pub(crate) fn delete_action(version: Option<&str>) -> &'static str {
    if version.is_some() { "s3:DeleteObjectVersion" } else { "s3:DeleteObject" }
}

/// What must be so of what is deleted.
#[derive(Default)]
pub(crate) struct Demanded<'a> {
    pub etag: Option<&'a str>,
    pub modified: Option<Timestamp>,
    pub size_bytes: Option<i64>,
}

impl Demanded<'_> {
    fn check(&self, found: Option<&Object>, key: &str) -> Result<()> {
        if self.etag.is_none() && self.modified.is_none() && self.size_bytes.is_none() {
            return Ok(());
        }
        conditions::check_write(found, key, self.etag, None)?;
        let Some(found) = found.filter(|found| !found.marker) else { return Ok(()) };
        let modified = self.modified.is_none_or(|modified| modified.as_secs() == found.modified().as_secs());
        if !modified {
            return Err(errors::precondition_failed("x-amz-if-match-last-modified-time"));
        }
        if self.size_bytes.is_some_and(|size| u64::try_from(size) != Ok(found.size_bytes)) {
            return Err(errors::precondition_failed("x-amz-if-match-size"));
        }
        Ok(())
    }
}

/// What became of it.
pub(crate) struct Deleted {
    /// Whether a delete marker was made, or was what was removed.
    pub marker: bool,
    /// That marker's version, or the version that was removed.
    pub version: Option<String>,
}

#[expect(clippy::too_many_arguments, reason = "two operations delete, with all of it")]
pub(crate) fn delete(
    tx: &mut Tx,
    cx: &Ctx,
    bucket: &Bucket,
    key: &str,
    id: Option<&str>,
    demanded: &Demanded<'_>,
    bypass: bool,
    draw: Draw,
) -> Result<Deleted> {
    if let Some(id) = id {
        let found = object::version(tx, bucket, key, id)?;
        demanded.check(found.as_ref(), key)?;
        // That it is not there is what was wanted.
        let Some(found) = found else { return Ok(Deleted { marker: false, version: Some(id.to_owned()) }) };
        lock::check_removal(&found, bypass, draw.now)?;
        object::remove(tx, bucket, key, &found)?;
        notify::note(tx, cx, bucket, "ObjectRemoved:Delete", (key, &found), draw)?;
        return Ok(Deleted { marker: found.marker, version: Some(id.to_owned()) });
    }
    let current = object::current(tx, bucket, key)?;
    demanded.check(current.as_ref(), key)?;
    if bucket.versioning == Versioning::Never {
        if let Some(current) = current {
            object::remove(tx, bucket, key, &current)?;
            notify::note(tx, cx, bucket, "ObjectRemoved:Delete", (key, &current), draw)?;
        }
        return Ok(Deleted { marker: false, version: None });
    }
    let marker = Object { marker: true, ..Object::default() };
    let marker = object::add(tx, bucket, key, marker, draw)?;
    notify::note(tx, cx, bucket, "ObjectRemoved:DeleteMarkerCreated", (key, &marker), draw)?;
    Ok(Deleted { marker: true, version: Some(marker.version) })
}
