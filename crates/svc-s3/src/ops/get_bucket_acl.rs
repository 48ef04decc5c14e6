//! `GetBucketAcl`: the owner, and what a canned ACL grants.

use api_s3::{GetBucketAclInput, GetBucketAclOutput};
use aws_wire::Result;

use crate::{Ctx, access, bucket};

pub(crate) async fn get_bucket_acl(cx: Ctx, input: GetBucketAclInput) -> Result<GetBucketAclOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let bucket = bucket::find(&cx, &snapshot, &input.bucket, input.expected_bucket_owner.as_deref())?;
    Ok(GetBucketAclOutput {
        owner: Some(access::owner(&bucket.account)),
        grants: Some(access::grants(&bucket.account, bucket.acl.as_deref())),
    })
}
