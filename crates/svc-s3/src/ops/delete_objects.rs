//! `DeleteObjects`: up to a thousand in one request, each for itself.

use api_s3::{DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error, ObjectIdentifier};
use aws_wire::{AwsError, Result};

use super::delete_object::{Deleted, Demanded, delete, delete_action};
use crate::object::Draw;
use crate::{Ctx, bucket, errors, right};

const OBJECTS_MAX: usize = 1000;

pub(crate) async fn delete_objects(cx: Ctx, input: DeleteObjectsInput) -> Result<DeleteObjectsOutput> {
    if input.mfa.is_some() {
        return Err(AwsError::parameter_not_implemented("DeleteObjects", "MFA"));
    }
    if input.delete.objects.is_empty() || input.delete.objects.len() > OBJECTS_MAX {
        return Err(errors::malformed_xml());
    }
    let owner = input.expected_bucket_owner.as_deref();
    // What may be deleted is asked for each.
    bucket::named(&cx.kv.snapshot().await?, &input.bucket, owner)?;
    let bypass = input.bypass_governance_retention == Some(true);
    let quiet = input.delete.quiet == Some(true);
    let (mut deleted, mut failed) = (Vec::new(), Vec::new());
    for one in input.delete.objects {
        match delete_one(&cx, &input.bucket, &one, bypass).await {
            Ok(gone) if !quiet => deleted.push(shown(one, gone)),
            Ok(_) => {}
            Err(error) => failed.push(Error {
                key: Some(one.key),
                version_id: one.version_id,
                code: Some(error.code.into_owned()),
                message: error.message,
            }),
        }
    }
    Ok(DeleteObjectsOutput {
        deleted: (!deleted.is_empty()).then_some(deleted),
        errors: (!failed.is_empty()).then_some(failed),
        request_charged: None,
    })
}

async fn delete_one(cx: &Ctx, name: &str, one: &ObjectIdentifier, bypass: bool) -> Result<Deleted> {
    let draw = Draw::new(cx);
    let demanded =
        Demanded { etag: one.e_tag.as_deref(), modified: one.last_modified_time, size_bytes: one.size };
    let delete = |tx: &mut kv::Tx| {
        let action = delete_action(one.version_id.as_deref());
        let bucket = right::bucket(cx, tx, name, None, (action, &one.key))?;
        delete(tx, cx, &bucket, &one.key, one.version_id.as_deref(), &demanded, bypass, draw)
    };
    cx.kv.transact(delete).await
}

fn shown(one: ObjectIdentifier, gone: Deleted) -> DeletedObject {
    // A version that was removed and was a marker is told twice; a marker that was made only as one.
    let made = gone.marker && one.version_id.is_none();
    DeletedObject {
        key: Some(one.key),
        delete_marker: gone.marker.then_some(true),
        delete_marker_version_id: gone.version.clone().filter(|_| gone.marker),
        version_id: one.version_id.filter(|_| !made),
    }
}
