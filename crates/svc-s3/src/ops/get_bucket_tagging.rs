//! `GetBucketTagging`: the tags.

use api_s3::{GetBucketTaggingInput, GetBucketTaggingOutput};
use aws_wire::Result;

use crate::{Ctx, document, errors};

pub(crate) async fn get_bucket_tagging(
    cx: Ctx,
    input: GetBucketTaggingInput,
) -> Result<GetBucketTaggingOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketTaggingInput>(&cx, &input.bucket, owner).await?;
    let message = "The TagSet does not exist";
    found.ok_or_else(|| errors::not_configured("NoSuchTagSet", message, &input.bucket))
}
