//! `PutObjectRetention`: keeps a version until a date; shorter only where that is allowed.

use api_s3::{ObjectLockRetentionMode, PutObjectRetentionInput, PutObjectRetentionOutput};
use aws_wire::{AwsError, Result};

use crate::lock::Retention;
use crate::{Ctx, bucket, errors, lock, object};

pub(crate) async fn put_object_retention(
    cx: Ctx,
    input: PutObjectRetentionInput,
) -> Result<PutObjectRetentionOutput> {
    let asked = input.retention.unwrap_or_default();
    if asked.event_hold.is_some() || asked.event_hold_duration.is_some() {
        return Err(AwsError::parameter_not_implemented("PutObjectRetention", "EventHold"));
    }
    let now = cx.env.now();
    let retention = match (asked.mode, asked.retain_until_date) {
        (None, None) => None,
        (Some(mode), Some(until)) => {
            lock::check_until(until, now)?;
            let compliance = mode == ObjectLockRetentionMode::Compliance;
            Some(Retention { compliance, until_ms: until.as_millis() })
        }
        _ => return Err(errors::malformed_xml()),
    };
    let bypass = input.bypass_governance_retention == Some(true);
    cx.kv
        .transact(|tx| {
            let bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            lock::check_bucket(&bucket)?;
            let mut object = object::find(tx, &bucket, &input.key, input.version_id.as_deref(), "PUT")?;
            lock::check_change(&object, retention, bypass, now)?;
            object.lock.retention = retention;
            object::rewrite(tx, &bucket, &input.key, &object)
        })
        .await?;
    Ok(PutObjectRetentionOutput::default())
}
