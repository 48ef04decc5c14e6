//! `DeleteBucketOwnershipControls`: back to no ACLs.

use api_s3::{DeleteBucketOwnershipControlsInput, GetBucketOwnershipControlsInput};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn delete_bucket_ownership_controls(
    cx: Ctx,
    input: DeleteBucketOwnershipControlsInput,
) -> Result<()> {
    document::delete::<GetBucketOwnershipControlsInput>(
        &cx,
        &input.bucket,
        input.expected_bucket_owner.as_deref(),
    )
    .await
}
