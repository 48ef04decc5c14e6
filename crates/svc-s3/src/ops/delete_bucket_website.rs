//! `DeleteBucketWebsite`: the bucket is no website any more.

use api_s3::{DeleteBucketWebsiteInput, GetBucketWebsiteInput};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn delete_bucket_website(cx: Ctx, input: DeleteBucketWebsiteInput) -> Result<()> {
    document::delete::<GetBucketWebsiteInput>(&cx, &input.bucket, input.expected_bucket_owner.as_deref())
        .await
}
