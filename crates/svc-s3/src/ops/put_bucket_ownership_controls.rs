//! `PutBucketOwnershipControls`: whether there are ACLs.

use api_s3::{
    GetBucketOwnershipControlsInput, GetBucketOwnershipControlsOutput, ObjectOwnership,
    PutBucketOwnershipControlsInput,
};
use aws_wire::Result;
use kv::Tx;

use crate::{Ctx, bucket, document, errors};

pub(crate) async fn put_bucket_ownership_controls(
    cx: Ctx,
    input: PutBucketOwnershipControlsInput,
) -> Result<()> {
    let [rule] = input.ownership_controls.rules.as_slice() else { return Err(errors::malformed_xml()) };
    let enforced = rule.object_ownership == ObjectOwnership::BucketOwnerEnforced;
    let setting =
        GetBucketOwnershipControlsOutput { ownership_controls: Some(input.ownership_controls.clone()) };
    let put = |tx: &mut Tx| {
        let bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        if enforced && bucket.acl.is_some() {
            let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
            return Err(errors::other(400, "InvalidBucketAclWithObjectOwnership", message));
        }
        document::write::<GetBucketOwnershipControlsInput>(tx, &bucket, setting.clone())
    };
    cx.kv.transact(put).await
}
