//! `GetObjectAcl`: the owner, and what a canned ACL grants.

use api_s3::{GetObjectAclInput, GetObjectAclOutput};
use aws_wire::Result;

use crate::{Ctx, access, bucket, object};

pub(crate) async fn get_object_acl(cx: Ctx, input: GetObjectAclInput) -> Result<GetObjectAclOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let bucket = bucket::find(&cx, &snapshot, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let object = object::find(&snapshot, &bucket, &input.key, input.version_id.as_deref(), "GET")?;
    Ok(GetObjectAclOutput {
        owner: Some(access::owner(&bucket.account)),
        grants: Some(access::grants(&bucket.account, object.acl.as_deref())),
        request_charged: None,
    })
}
