//! `GetBucketPolicy`: the policy as it was put.

use api_s3::{GetBucketPolicyInput, GetBucketPolicyOutput};
use aws_wire::Result;

use crate::{Ctx, document, errors};

pub(crate) async fn get_bucket_policy(cx: Ctx, input: GetBucketPolicyInput) -> Result<GetBucketPolicyOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketPolicyInput>(&cx, &input.bucket, owner).await?;
    let message = "The bucket policy does not exist";
    found.ok_or_else(|| errors::not_configured("NoSuchBucketPolicy", message, &input.bucket))
}
