//! `PutBucketAcl`: a canned ACL, where the bucket has ACLs at all.

use api_s3::{BucketCannedACL, PutBucketAclInput};
use aws_wire::{AwsError, Result};

use crate::keys::BUCKETS;
use crate::{Ctx, access, bucket, errors};

pub(crate) async fn put_bucket_acl(cx: Ctx, input: PutBucketAclInput) -> Result<()> {
    let unserved = [
        ("AccessControlPolicy", input.access_control_policy.is_some()),
        ("GrantFullControl", input.grant_full_control.is_some()),
        ("GrantRead", input.grant_read.is_some()),
        ("GrantReadACP", input.grant_read_acp.is_some()),
        ("GrantWrite", input.grant_write.is_some()),
        ("GrantWriteACP", input.grant_write_acp.is_some()),
    ];
    if let Some((parameter, _)) = unserved.iter().find(|(_, asked)| *asked) {
        return Err(AwsError::parameter_not_implemented("PutBucketAcl", parameter));
    }
    let acl = input.acl.ok_or_else(|| {
        let message = "Your request was missing a required header";
        errors::other(400, "MissingSecurityHeader", message).with("MissingHeaderName", "x-amz-acl")
    })?;
    let acl = Some(acl).filter(|acl| *acl != BucketCannedACL::Private).map(|acl| acl.as_str().to_owned());
    cx.kv
        .transact(|tx| {
            let mut bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            access::check_acl(tx, &bucket, acl.as_deref())?;
            bucket.acl.clone_from(&acl);
            Ok(BUCKETS.put(tx, &bucket.name, &bucket)?)
        })
        .await
}
