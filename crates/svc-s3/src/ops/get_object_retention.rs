//! `GetObjectRetention`: until when a version is kept.

use api_s3::{GetObjectRetentionInput, GetObjectRetentionOutput, ObjectLockRetention};
use aws_wire::Result;

use crate::{Ctx, bucket, errors, lock, object};

pub(crate) async fn get_object_retention(
    cx: Ctx,
    input: GetObjectRetentionInput,
) -> Result<GetObjectRetentionOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let bucket = bucket::find(&cx, &snapshot, &input.bucket, input.expected_bucket_owner.as_deref())?;
    lock::check_bucket(&bucket)?;
    let object = object::find(&snapshot, &bucket, &input.key, input.version_id.as_deref(), "GET")?;
    let retention = object.lock.retention.ok_or_else(|| {
        let message = "The specified object does not have a ObjectLock configuration";
        errors::not_configured("NoSuchObjectLockConfiguration", message, &input.bucket)
    })?;
    Ok(GetObjectRetentionOutput {
        retention: Some(ObjectLockRetention {
            mode: Some(retention.mode()),
            retain_until_date: Some(retention.until()),
            ..ObjectLockRetention::default()
        }),
    })
}
