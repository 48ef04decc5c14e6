//! `PutObjectTagging`: sets all tags of a version.

use api_s3::{PutObjectTaggingInput, PutObjectTaggingOutput};
use aws_wire::{AwsError, Result};

use crate::object::Draw;
use crate::right::{self, Right, Wanted};
use crate::{Ctx, notify, object, tags};

pub(crate) async fn put_object_tagging(
    cx: Ctx,
    input: PutObjectTaggingInput,
) -> Result<PutObjectTaggingOutput> {
    let tags = tags::of_document(Some(input.tagging), tags::OF_OBJECT_MAX)?;
    let draw = Draw::new(&cx);
    let wanted = Wanted {
        key: &input.key,
        version: input.version_id.as_deref(),
        method: "PUT",
        right: Right::WriteTags,
    };
    let owner = input.expected_bucket_owner.as_deref();
    let set = cx.kv.transact(|tx| {
        let (bucket, mut object) = right::object(&cx, tx, &input.bucket, owner, wanted)?;
        object.tags.clone_from(&tags);
        object::rewrite(tx, &bucket, &input.key, &object)?;
        notify::note(tx, &cx, &bucket, "ObjectTagging:Put", (&input.key, &object), draw)?;
        Ok::<_, AwsError>(object.shown_version(&bucket))
    });
    Ok(PutObjectTaggingOutput { version_id: set.await? })
}
