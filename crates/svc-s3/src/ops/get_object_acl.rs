//! `GetObjectAcl`: the owner, and what is granted to whom.

use api_s3::{GetObjectAclInput, GetObjectAclOutput};
use aws_wire::Result;

use crate::right::{self, Right, Wanted};
use crate::{Ctx, access};

pub(crate) async fn get_object_acl(cx: Ctx, input: GetObjectAclInput) -> Result<GetObjectAclOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let wanted = Wanted {
        key: &input.key,
        version: input.version_id.as_deref(),
        method: "GET",
        right: Right::ReadAcl,
    };
    let owner = input.expected_bucket_owner.as_deref();
    let (bucket, object) = right::object(&cx, &snapshot, &input.bucket, owner, wanted)?;
    Ok(GetObjectAclOutput {
        owner: Some(access::owner(&bucket.account)),
        grants: Some(access::shown(&bucket.account, object.acl.as_ref())),
        request_charged: None,
    })
}
