//! `DeleteBucketCors`: answers no other origin any more.

use api_s3::{DeleteBucketCorsInput, GetBucketCorsInput};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn delete_bucket_cors(cx: Ctx, input: DeleteBucketCorsInput) -> Result<()> {
    document::delete::<GetBucketCorsInput>(&cx, &input.bucket, input.expected_bucket_owner.as_deref()).await
}
