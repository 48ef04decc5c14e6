//! `HeadBucket`: whether it is there, and where.

use api_s3::{HeadBucketInput, HeadBucketOutput};
use aws_wire::Result;

use crate::{Ctx, right};

pub(crate) async fn head_bucket(cx: Ctx, input: HeadBucketInput) -> Result<HeadBucketOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:ListBucket", ""))?;
    Ok(HeadBucketOutput {
        bucket_arn: Some(bucket.arn()),
        bucket_region: Some(bucket.region),
        access_point_alias: Some(false),
        ..HeadBucketOutput::default()
    })
}
