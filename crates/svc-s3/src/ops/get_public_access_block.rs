//! `GetPublicAccessBlock`: the block.

use api_s3::{GetPublicAccessBlockInput, GetPublicAccessBlockOutput};
use aws_wire::Result;

use crate::{Ctx, document, errors};

pub(crate) async fn get_public_access_block(
    cx: Ctx,
    input: GetPublicAccessBlockInput,
) -> Result<GetPublicAccessBlockOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetPublicAccessBlockInput>(&cx, &input.bucket, owner).await?;
    let message = "The public access block configuration was not found";
    found
        .ok_or_else(|| errors::not_configured("NoSuchPublicAccessBlockConfiguration", message, &input.bucket))
}
