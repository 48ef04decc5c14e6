//! `GetBucketNotificationConfiguration`: who hears of what.

use api_s3::{GetBucketNotificationConfigurationInput, NotificationConfiguration};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn get_bucket_notification_configuration(
    cx: Ctx,
    input: GetBucketNotificationConfigurationInput,
) -> Result<NotificationConfiguration> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketNotificationConfigurationInput>(&cx, &input.bucket, owner).await?;
    Ok(found.unwrap_or_default())
}
