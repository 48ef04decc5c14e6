//! `HeadBucket`: whether it is there, and where.

use api_s3::{HeadBucketInput, HeadBucketOutput};
use aws_wire::Result;

use crate::{Ctx, bucket};

pub(crate) async fn head_bucket(cx: Ctx, input: HeadBucketInput) -> Result<HeadBucketOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let bucket = bucket::find(&cx, &snapshot, &input.bucket, input.expected_bucket_owner.as_deref())?;
    Ok(HeadBucketOutput {
        bucket_arn: Some(bucket.arn()),
        bucket_region: Some(bucket.region),
        access_point_alias: Some(false),
        ..HeadBucketOutput::default()
    })
}
