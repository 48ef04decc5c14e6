//! `GetObjectLegalHold`: whether a version is held.

use api_s3::{GetObjectLegalHoldInput, GetObjectLegalHoldOutput, ObjectLockLegalHold};
use aws_wire::Result;

use crate::{Ctx, bucket, errors, lock, object};

pub(crate) async fn get_object_legal_hold(
    cx: Ctx,
    input: GetObjectLegalHoldInput,
) -> Result<GetObjectLegalHoldOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let bucket = bucket::find(&cx, &snapshot, &input.bucket, input.expected_bucket_owner.as_deref())?;
    lock::check_bucket(&bucket)?;
    let object = object::find(&snapshot, &bucket, &input.key, input.version_id.as_deref(), "GET")?;
    let status = object.lock.shown_hold();
    if status.is_none() {
        let message = "The specified object does not have a ObjectLock configuration";
        return Err(errors::not_configured("NoSuchObjectLockConfiguration", message, &input.bucket));
    }
    Ok(GetObjectLegalHoldOutput { legal_hold: Some(ObjectLockLegalHold { status }) })
}
