//! `PutBucketVersioning`: enables or suspends it; it never goes away again.

use api_s3::{BucketVersioningStatus, MFADelete, PutBucketVersioningInput};
use aws_wire::{AwsError, Result};

use crate::bucket::{self, Versioning};
use crate::keys::BUCKETS;
use crate::{Ctx, errors};

pub(crate) async fn put_bucket_versioning(cx: Ctx, input: PutBucketVersioningInput) -> Result<()> {
    if input.mfa.is_some() || input.versioning_configuration.mfa_delete == Some(MFADelete::Enabled) {
        return Err(AwsError::parameter_not_implemented("PutBucketVersioning", "MFADelete"));
    }
    let versioning = match input.versioning_configuration.status {
        Some(BucketVersioningStatus::Enabled) => Versioning::Enabled,
        Some(BucketVersioningStatus::Suspended) => Versioning::Suspended,
        None => {
            let message = "The Versioning element must be specified";
            return Err(errors::other(400, "IllegalVersioningConfigurationException", message));
        }
    };
    cx.kv
        .transact(|tx| {
            let mut bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            if bucket.locks && versioning == Versioning::Suspended {
                let message = "An Object Lock configuration is present on this bucket, so the versioning state cannot \
                               be changed.";
                return Err(errors::other(409, "InvalidBucketState", message));
            }
            bucket.versioning = versioning;
            Ok(BUCKETS.put(tx, &bucket.name, &bucket)?)
        })
        .await
}
