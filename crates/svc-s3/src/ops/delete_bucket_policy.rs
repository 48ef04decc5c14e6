//! `DeleteBucketPolicy`: takes the policy away.

use api_s3::{DeleteBucketPolicyInput, GetBucketPolicyInput};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn delete_bucket_policy(cx: Ctx, input: DeleteBucketPolicyInput) -> Result<()> {
    document::delete::<GetBucketPolicyInput>(&cx, &input.bucket, input.expected_bucket_owner.as_deref()).await
}
