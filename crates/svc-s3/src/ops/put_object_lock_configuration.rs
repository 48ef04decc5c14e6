//! `PutObjectLockConfiguration`: how new versions are locked.

use api_s3::{
    GetObjectLockConfigurationInput, GetObjectLockConfigurationOutput, ObjectLockEnabled,
    PutObjectLockConfigurationInput, PutObjectLockConfigurationOutput,
};
use aws_wire::{AwsError, Result};

use crate::bucket::{self, Versioning};
use crate::keys::BUCKETS;
use crate::{Ctx, document, errors};

pub(crate) async fn put_object_lock_configuration(
    cx: Ctx,
    input: PutObjectLockConfigurationInput,
) -> Result<PutObjectLockConfigurationOutput> {
    let set = input.object_lock_configuration.ok_or_else(errors::malformed_xml)?;
    if set.object_lock_enabled != Some(ObjectLockEnabled::Enabled) {
        return Err(errors::malformed_xml());
    }
    if let Some(default) = set.rule.as_ref().and_then(|rule| rule.default_retention.as_ref()) {
        if default.default_event_hold.is_some() {
            let parameter = "DefaultEventHold";
            return Err(AwsError::parameter_not_implemented("PutObjectLockConfiguration", parameter));
        }
        let is_good = match (default.mode, default.days, default.years) {
            (Some(_), Some(days), None) => days > 0,
            (Some(_), None, Some(years)) => years > 0,
            _ => return Err(errors::malformed_xml()),
        };
        if !is_good {
            let message = "Default retention period must be a positive integer value.";
            return Err(errors::invalid_argument("DefaultRetention", "", message));
        }
    }
    let setting = GetObjectLockConfigurationOutput { object_lock_configuration: Some(set) };
    cx.kv
        .transact(|tx| {
            let mut bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            if bucket.versioning != Versioning::Enabled {
                let message =
                    "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration";
                return Err(errors::other(409, "InvalidBucketState", message));
            }
            bucket.locks = true;
            BUCKETS.put(tx, &bucket.name, &bucket)?;
            document::write::<GetObjectLockConfigurationInput>(tx, &bucket, setting.clone())
        })
        .await?;
    Ok(PutObjectLockConfigurationOutput::default())
}
