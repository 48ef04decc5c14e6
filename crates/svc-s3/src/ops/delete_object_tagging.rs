//! `DeleteObjectTagging`: takes all tags of a version away.

use api_s3::{DeleteObjectTaggingInput, DeleteObjectTaggingOutput};
use aws_wire::{AwsError, Result};

use crate::object::Draw;
use crate::right::{self, Right, Wanted};
use crate::{Ctx, notify, object};

pub(crate) async fn delete_object_tagging(
    cx: Ctx,
    input: DeleteObjectTaggingInput,
) -> Result<DeleteObjectTaggingOutput> {
    let draw = Draw::new(&cx);
    let wanted = Wanted {
        key: &input.key,
        version: input.version_id.as_deref(),
        method: "PUT",
        right: Right::DeleteTags,
    };
    let owner = input.expected_bucket_owner.as_deref();
    let set = cx.kv.transact(|tx| {
        let (bucket, mut object) = right::object(&cx, tx, &input.bucket, owner, wanted)?;
        object.tags.clear();
        object::rewrite(tx, &bucket, &input.key, &object)?;
        notify::note(tx, &cx, &bucket, "ObjectTagging:Delete", (&input.key, &object), draw)?;
        Ok::<_, AwsError>(object.shown_version(&bucket))
    });
    Ok(DeleteObjectTaggingOutput { version_id: set.await? })
}
