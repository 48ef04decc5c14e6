//! `PutBucketEncryption`: SSE-S3 only, which is so anyway.

use api_s3::{
    GetBucketEncryptionInput, GetBucketEncryptionOutput, PutBucketEncryptionInput, ServerSideEncryption,
};
use aws_wire::{AwsError, Result};

use crate::{Ctx, document, errors};

pub(crate) async fn put_bucket_encryption(cx: Ctx, input: PutBucketEncryptionInput) -> Result<()> {
    let [rule] = input.server_side_encryption_configuration.rules.as_slice() else {
        return Err(errors::malformed_xml());
    };
    if rule.blocked_encryption_types.is_some() {
        return Err(AwsError::parameter_not_implemented("PutBucketEncryption", "BlockedEncryptionTypes"));
    }
    if let Some(default) = &rule.apply_server_side_encryption_by_default {
        if default.sse_algorithm != ServerSideEncryption::Aes256 {
            return Err(AwsError::parameter_not_implemented("PutBucketEncryption", "SSEAlgorithm aws:kms"));
        }
        if default.kms_master_key_id.is_some() {
            let message = "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or \
                           aws:kms:dsse";
            return Err(errors::invalid_argument("KMSMasterKeyID", "", message));
        }
    }
    let configuration = Some(input.server_side_encryption_configuration);
    let setting = GetBucketEncryptionOutput { server_side_encryption_configuration: configuration };
    let owner = input.expected_bucket_owner.as_deref();
    document::put::<GetBucketEncryptionInput>(&cx, &input.bucket, owner, setting).await
}
