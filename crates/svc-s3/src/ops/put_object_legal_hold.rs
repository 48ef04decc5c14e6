//! `PutObjectLegalHold`: holds a version until somebody says otherwise.

use api_s3::{ObjectLockLegalHoldStatus, PutObjectLegalHoldInput, PutObjectLegalHoldOutput};
use aws_wire::Result;

use crate::{Ctx, bucket, errors, lock, object};

pub(crate) async fn put_object_legal_hold(
    cx: Ctx,
    input: PutObjectLegalHoldInput,
) -> Result<PutObjectLegalHoldOutput> {
    let status = input.legal_hold.and_then(|hold| hold.status).ok_or_else(errors::malformed_xml)?;
    cx.kv
        .transact(|tx| {
            let bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            lock::check_bucket(&bucket)?;
            let mut object = object::find(tx, &bucket, &input.key, input.version_id.as_deref(), "PUT")?;
            object.lock.legal_hold = Some(status == ObjectLockLegalHoldStatus::On);
            object::rewrite(tx, &bucket, &input.key, &object)
        })
        .await?;
    Ok(PutObjectLegalHoldOutput::default())
}
