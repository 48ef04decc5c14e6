//! `DeletePublicAccessBlock`: takes the block away.

use api_s3::{DeletePublicAccessBlockInput, GetPublicAccessBlockInput};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn delete_public_access_block(cx: Ctx, input: DeletePublicAccessBlockInput) -> Result<()> {
    document::delete::<GetPublicAccessBlockInput>(&cx, &input.bucket, input.expected_bucket_owner.as_deref())
        .await
}
