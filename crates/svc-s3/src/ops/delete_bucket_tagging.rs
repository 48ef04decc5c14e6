//! `DeleteBucketTagging`: takes all tags away.

use api_s3::{DeleteBucketTaggingInput, GetBucketTaggingInput};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn delete_bucket_tagging(cx: Ctx, input: DeleteBucketTaggingInput) -> Result<()> {
    document::delete::<GetBucketTaggingInput>(&cx, &input.bucket, input.expected_bucket_owner.as_deref())
        .await
}
