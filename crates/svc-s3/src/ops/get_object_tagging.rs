//! `GetObjectTagging`: a version's tags.

use api_s3::{GetObjectTaggingInput, GetObjectTaggingOutput};
use aws_wire::Result;

use crate::right::{self, Right, Wanted};
use crate::{Ctx, tags};

pub(crate) async fn get_object_tagging(
    cx: Ctx,
    input: GetObjectTaggingInput,
) -> Result<GetObjectTaggingOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let wanted = Wanted {
        key: &input.key,
        version: input.version_id.as_deref(),
        method: "GET",
        right: Right::ReadTags,
    };
    let owner = input.expected_bucket_owner.as_deref();
    let (bucket, object) = right::object(&cx, &snapshot, &input.bucket, owner, wanted)?;
    let version_id = object.shown_version(&bucket);
    Ok(GetObjectTaggingOutput { version_id, tag_set: tags::shown(&object.tags) })
}
