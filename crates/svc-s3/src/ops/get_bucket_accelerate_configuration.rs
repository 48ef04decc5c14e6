//! `GetBucketAccelerateConfiguration`: there is no acceleration.

use api_s3::{GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput};
use aws_wire::Result;

use crate::{Ctx, bucket};

pub(crate) async fn get_bucket_accelerate_configuration(
    cx: Ctx,
    input: GetBucketAccelerateConfigurationInput,
) -> Result<GetBucketAccelerateConfigurationOutput> {
    bucket::find(&cx, &cx.kv.snapshot().await?, &input.bucket, input.expected_bucket_owner.as_deref())?;
    Ok(GetBucketAccelerateConfigurationOutput::default())
}
