//! `GetBucketPolicyStatus`: whether the policy lets anybody in.

use api_s3::{GetBucketPolicyInput, GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus};
use aws_wire::Result;

use crate::public::is_public;
use crate::{Ctx, document, errors};

pub(crate) async fn get_bucket_policy_status(
    cx: Ctx,
    input: GetBucketPolicyStatusInput,
) -> Result<GetBucketPolicyStatusOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketPolicyInput>(&cx, &input.bucket, owner).await?;
    let policy = found.and_then(|found| found.policy).ok_or_else(|| {
        let message = "The bucket policy does not exist";
        errors::not_configured("NoSuchBucketPolicy", message, &input.bucket)
    })?;
    let public = serde_json::from_str(&policy).is_ok_and(|document| is_public(&document));
    Ok(GetBucketPolicyStatusOutput { policy_status: Some(PolicyStatus { is_public: Some(public) }) })
}
