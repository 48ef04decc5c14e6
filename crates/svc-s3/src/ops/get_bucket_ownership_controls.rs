//! `GetBucketOwnershipControls`: who owns what others put.

use api_s3::{GetBucketOwnershipControlsInput, GetBucketOwnershipControlsOutput};
use aws_wire::Result;

use crate::{Ctx, document, errors};

pub(crate) async fn get_bucket_ownership_controls(
    cx: Ctx,
    input: GetBucketOwnershipControlsInput,
) -> Result<GetBucketOwnershipControlsOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketOwnershipControlsInput>(&cx, &input.bucket, owner).await?;
    let message = "The bucket ownership controls were not found";
    found.ok_or_else(|| errors::not_configured("OwnershipControlsNotFoundError", message, &input.bucket))
}
