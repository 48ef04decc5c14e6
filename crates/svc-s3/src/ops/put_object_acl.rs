//! `PutObjectAcl`: a canned ACL, where the bucket has ACLs at all.

use api_s3::{PutObjectAclInput, PutObjectAclOutput};
use aws_wire::{AwsError, Result};

use crate::object::Draw;
use crate::{Ctx, access, asked, bucket, errors, notify, object};

pub(crate) async fn put_object_acl(cx: Ctx, input: PutObjectAclInput) -> Result<PutObjectAclOutput> {
    let unserved = [
        ("AccessControlPolicy", input.access_control_policy.is_some()),
        ("GrantFullControl", input.grant_full_control.is_some()),
        ("GrantRead", input.grant_read.is_some()),
        ("GrantReadACP", input.grant_read_acp.is_some()),
        ("GrantWrite", input.grant_write.is_some()),
        ("GrantWriteACP", input.grant_write_acp.is_some()),
    ];
    if let Some((parameter, _)) = unserved.iter().find(|(_, asked)| *asked) {
        return Err(AwsError::parameter_not_implemented("PutObjectAcl", parameter));
    }
    if input.acl.is_none() {
        let message = "Your request was missing a required header";
        return Err(
            errors::other(400, "MissingSecurityHeader", message).with("MissingHeaderName", "x-amz-acl")
        );
    }
    let acl = asked::acl(input.acl);
    let draw = Draw::new(&cx);
    cx.kv
        .transact(|tx| {
            let bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            access::check_acl(tx, &bucket, acl.as_deref())?;
            let mut object = object::find(tx, &bucket, &input.key, input.version_id.as_deref(), "PUT")?;
            object.acl.clone_from(&acl);
            object::rewrite(tx, &bucket, &input.key, &object)?;
            notify::note(tx, &cx, &bucket, "ObjectAcl:Put", (&input.key, &object), draw)
        })
        .await?;
    Ok(PutObjectAclOutput::default())
}
