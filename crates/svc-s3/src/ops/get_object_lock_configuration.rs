//! `GetObjectLockConfiguration`: whether versions may be locked, and how new ones are.

use api_s3::{GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput};
use aws_wire::Result;

use crate::{Ctx, document, errors};

pub(crate) async fn get_object_lock_configuration(
    cx: Ctx,
    input: GetObjectLockConfigurationInput,
) -> Result<GetObjectLockConfigurationOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetObjectLockConfigurationInput>(&cx, &input.bucket, owner).await?;
    let message = "Object Lock configuration does not exist for this bucket";
    found
        .ok_or_else(|| errors::not_configured("ObjectLockConfigurationNotFoundError", message, &input.bucket))
}
