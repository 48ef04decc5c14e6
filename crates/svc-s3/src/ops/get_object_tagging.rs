//! `GetObjectTagging`: a version's tags.

use api_s3::{GetObjectTaggingInput, GetObjectTaggingOutput};
use aws_wire::Result;

use crate::{Ctx, bucket, object, tags};

pub(crate) async fn get_object_tagging(
    cx: Ctx,
    input: GetObjectTaggingInput,
) -> Result<GetObjectTaggingOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let bucket = bucket::find(&cx, &snapshot, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let object = object::find(&snapshot, &bucket, &input.key, input.version_id.as_deref(), "GET")?;
    let version_id = object.shown_version(&bucket);
    Ok(GetObjectTaggingOutput { version_id, tag_set: tags::shown(&object.tags) })
}
