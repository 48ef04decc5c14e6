//! `GetBucketVersioning`: nothing, until it was once enabled.

use api_s3::{BucketVersioningStatus, GetBucketVersioningInput, GetBucketVersioningOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::bucket::{self, Versioning};

pub(crate) async fn get_bucket_versioning(
    cx: Ctx,
    input: GetBucketVersioningInput,
) -> Result<GetBucketVersioningOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let bucket = bucket::find(&cx, &snapshot, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let status = match bucket.versioning {
        Versioning::Never => None,
        Versioning::Enabled => Some(BucketVersioningStatus::Enabled),
        Versioning::Suspended => Some(BucketVersioningStatus::Suspended),
    };
    Ok(GetBucketVersioningOutput { status, mfa_delete: None })
}
