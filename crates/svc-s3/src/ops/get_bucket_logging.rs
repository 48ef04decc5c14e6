//! `GetBucketLogging`: there is no logging of accesses.

use api_s3::{GetBucketLoggingInput, GetBucketLoggingOutput};
use aws_wire::Result;

use crate::{Ctx, bucket};

pub(crate) async fn get_bucket_logging(
    cx: Ctx,
    input: GetBucketLoggingInput,
) -> Result<GetBucketLoggingOutput> {
    bucket::find(&cx, &cx.kv.snapshot().await?, &input.bucket, input.expected_bucket_owner.as_deref())?;
    Ok(GetBucketLoggingOutput::default())
}
