//! `DeleteBucketLifecycle`: nothing expires any more.

use api_s3::{DeleteBucketLifecycleInput, GetBucketLifecycleConfigurationInput};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn delete_bucket_lifecycle(cx: Ctx, input: DeleteBucketLifecycleInput) -> Result<()> {
    document::delete::<GetBucketLifecycleConfigurationInput>(
        &cx,
        &input.bucket,
        input.expected_bucket_owner.as_deref(),
    )
    .await
}
