//! `GetBucketWebsite`: the website.

use api_s3::{GetBucketWebsiteInput, GetBucketWebsiteOutput};
use aws_wire::Result;

use crate::{Ctx, document, errors};

pub(crate) async fn get_bucket_website(
    cx: Ctx,
    input: GetBucketWebsiteInput,
) -> Result<GetBucketWebsiteOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketWebsiteInput>(&cx, &input.bucket, owner).await?;
    let message = "The specified bucket does not have a website configuration";
    found.ok_or_else(|| errors::not_configured("NoSuchWebsiteConfiguration", message, &input.bucket))
}
