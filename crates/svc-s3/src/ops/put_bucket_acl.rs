//! `PutBucketAcl`: a canned ACL, where the bucket has ACLs at all.

use api_s3::{BucketCannedACL, PutBucketAclInput};
use aws_wire::Result;

use crate::keys::BUCKETS;
use crate::{Ctx, access, asked, bucket};

pub(crate) async fn put_bucket_acl(cx: Ctx, input: PutBucketAclInput) -> Result<()> {
    asked::refuse_grants!("PutBucketAcl", input);
    let acl = input.acl.filter(|acl| *acl != BucketCannedACL::Private).map(|acl| acl.as_str().to_owned());
    cx.kv
        .transact(|tx| {
            let mut bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            access::check_acl(tx, &bucket, acl.as_deref())?;
            bucket.acl.clone_from(&acl);
            Ok(BUCKETS.put(tx, &bucket.name, &bucket)?)
        })
        .await
}
