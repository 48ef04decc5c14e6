//! `DeleteBucketEncryption`: back to SSE-S3, which is the default.

use api_s3::{DeleteBucketEncryptionInput, GetBucketEncryptionInput};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn delete_bucket_encryption(cx: Ctx, input: DeleteBucketEncryptionInput) -> Result<()> {
    document::delete::<GetBucketEncryptionInput>(&cx, &input.bucket, input.expected_bucket_owner.as_deref())
        .await
}
