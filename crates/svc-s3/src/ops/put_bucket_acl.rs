//! `PutBucketAcl`: what others may do with the bucket, where it has ACLs at all.

use api_s3::PutBucketAclInput;
use aws_wire::Result;

use crate::keys::BUCKETS;
use crate::{Ctx, access, right};

pub(crate) async fn put_bucket_acl(cx: Ctx, input: PutBucketAclInput) -> Result<()> {
    let acl_for = access::acl_put!(input);
    let owner = input.expected_bucket_owner.as_deref();
    cx.kv
        .transact(|tx| {
            let mut bucket = right::bucket(&cx, tx, &input.bucket, owner, ("s3:PutBucketAcl", ""))?;
            bucket.acl = acl_for(&bucket.account)?;
            access::check_acl(tx, &bucket, bucket.acl.as_ref())?;
            Ok(BUCKETS.put(tx, &bucket.name, &bucket)?)
        })
        .await
}
