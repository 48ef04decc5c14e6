//! `GetBucketLifecycleConfiguration`: the rules of expiry.

use api_s3::{GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput};
use aws_wire::Result;

use crate::{Ctx, document, errors};

pub(crate) async fn get_bucket_lifecycle_configuration(
    cx: Ctx,
    input: GetBucketLifecycleConfigurationInput,
) -> Result<GetBucketLifecycleConfigurationOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketLifecycleConfigurationInput>(&cx, &input.bucket, owner).await?;
    let message = "The lifecycle configuration does not exist";
    found.ok_or_else(|| errors::not_configured("NoSuchLifecycleConfiguration", message, &input.bucket))
}
