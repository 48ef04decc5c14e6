//! `GetBucketEncryption`: SSE-S3 where nobody said anything.

use api_s3::{
    GetBucketEncryptionInput, GetBucketEncryptionOutput, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use aws_wire::Result;

use crate::{Ctx, document};

pub(crate) async fn get_bucket_encryption(
    cx: Ctx,
    input: GetBucketEncryptionInput,
) -> Result<GetBucketEncryptionOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketEncryptionInput>(&cx, &input.bucket, owner).await?;
    Ok(found.unwrap_or_else(default))
}

fn default() -> GetBucketEncryptionOutput {
    let sse_algorithm = ServerSideEncryption::Aes256;
    let rule = ServerSideEncryptionRule {
        apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
            sse_algorithm,
            kms_master_key_id: None,
        }),
        bucket_key_enabled: Some(false),
        ..ServerSideEncryptionRule::default()
    };
    let configuration = ServerSideEncryptionConfiguration { rules: vec![rule] };
    GetBucketEncryptionOutput { server_side_encryption_configuration: Some(configuration) }
}
