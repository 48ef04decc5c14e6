//! `PutPublicAccessBlock`: what may not be public. Kept and shown.

use api_s3::{GetPublicAccessBlockInput, GetPublicAccessBlockOutput, PutPublicAccessBlockInput};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn put_public_access_block(cx: Ctx, input: PutPublicAccessBlockInput) -> Result<()> {
    let mut block = input.public_access_block_configuration;
    let all = [
        &mut block.block_public_acls,
        &mut block.ignore_public_acls,
        &mut block.block_public_policy,
        &mut block.restrict_public_buckets,
    ];
    all.into_iter().for_each(|one| *one = Some(*one == Some(true)));
    let setting = GetPublicAccessBlockOutput { public_access_block_configuration: Some(block) };
    let owner = input.expected_bucket_owner.as_deref();
    document::put::<GetPublicAccessBlockInput>(&cx, &input.bucket, owner, setting).await
}
