//! `PutObjectAcl`: a canned ACL, where the bucket has ACLs at all.

use api_s3::{PutObjectAclInput, PutObjectAclOutput};
use aws_wire::Result;

use crate::object::Draw;
use crate::{Ctx, access, asked, bucket, notify, object};

pub(crate) async fn put_object_acl(cx: Ctx, input: PutObjectAclInput) -> Result<PutObjectAclOutput> {
    asked::refuse_grants!("PutObjectAcl", input);
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
