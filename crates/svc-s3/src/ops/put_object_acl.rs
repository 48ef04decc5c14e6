//! `PutObjectAcl`: what others may do with the object, where its bucket has ACLs at all.

use api_s3::{PutObjectAclInput, PutObjectAclOutput};
use aws_wire::Result;

use crate::object::Draw;
use crate::right::{self, Right, Wanted};
use crate::{Ctx, access, notify, object};

pub(crate) async fn put_object_acl(cx: Ctx, input: PutObjectAclInput) -> Result<PutObjectAclOutput> {
    let acl_for = access::acl_put!(input);
    let draw = Draw::new(&cx);
    let wanted = Wanted {
        key: &input.key,
        version: input.version_id.as_deref(),
        method: "PUT",
        right: Right::WriteAcl,
    };
    let owner = input.expected_bucket_owner.as_deref();
    cx.kv
        .transact(|tx| {
            let (bucket, mut object) = right::object(&cx, tx, &input.bucket, owner, wanted)?;
            object.acl = acl_for(&bucket.account)?;
            access::check_acl(tx, &bucket, object.acl.as_ref())?;
            object::rewrite(tx, &bucket, &input.key, &object)?;
            notify::note(tx, &cx, &bucket, "ObjectAcl:Put", (&input.key, &object), draw)
        })
        .await?;
    Ok(PutObjectAclOutput::default())
}
