//! `PutBucketTagging`: sets all tags.

use api_s3::{GetBucketTaggingInput, GetBucketTaggingOutput, PutBucketTaggingInput};
use aws_wire::Result;

use crate::{Ctx, document, tags};

pub(crate) async fn put_bucket_tagging(cx: Ctx, input: PutBucketTaggingInput) -> Result<()> {
    let tags = tags::of_document(Some(input.tagging), tags::OF_BUCKET_MAX)?;
    let setting = GetBucketTaggingOutput { tag_set: tags::shown(&tags) };
    let owner = input.expected_bucket_owner.as_deref();
    document::put::<GetBucketTaggingInput>(&cx, &input.bucket, owner, setting).await
}
