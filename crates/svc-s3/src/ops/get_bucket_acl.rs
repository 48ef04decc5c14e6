//! `GetBucketAcl`: the owner, and what is granted to whom.

use api_s3::{GetBucketAclInput, GetBucketAclOutput};
use aws_wire::Result;

use crate::{Ctx, access, right};

pub(crate) async fn get_bucket_acl(cx: Ctx, input: GetBucketAclInput) -> Result<GetBucketAclOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = right::bucket(&cx, &snapshot, &input.bucket, owner, ("s3:GetBucketAcl", ""))?;
    Ok(GetBucketAclOutput {
        owner: Some(access::owner(&bucket.account)),
        grants: Some(access::shown(&bucket.account, bucket.acl.as_ref())),
    })
}
