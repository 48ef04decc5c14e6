//! What other services write into buckets: records of failures, messages received.

use api_s3::PutObjectInput;
use aws_wire::{AwsError, ByteStream};
use bytes::Bytes;
use service::{Caller, Delivery, Sender, TargetArn, Undelivered};

use crate::bucket::Bucket;
use crate::keys::BUCKETS;
use crate::right::Stranger;
use crate::{Ctx, ops};

fn failed(error: impl std::fmt::Display) -> Undelivered {
    Undelivered::Failed(error.to_string())
}

/// A bucket, and whether its policy or its account lets `sender` write `key`.
async fn find(cx: &Ctx, arn: &TargetArn, writes: Option<(&Sender, &str)>) -> Result<Bucket, Undelivered> {
    let snapshot = cx.kv.snapshot().await.map_err(failed)?;
    let bucket = BUCKETS.get(&snapshot, &arn.resource().to_owned()).map_err(failed)?;
    let bucket = bucket.ok_or_else(|| Undelivered::NotFound(arn.to_string()))?;
    let Some((sender, key)) = writes else { return Ok(bucket) };
    if sender.role_account() == Some(&bucket.account) {
        return Ok(bucket);
    }
    match Stranger::sending(cx, sender).may(&snapshot, &bucket, "s3:PutObject", key).map_err(failed)? {
        true => Ok(bucket),
        false => Err(Undelivered::Denied(arn.to_string())),
    }
}

/// Whether there is such a bucket.
///
/// # Errors
/// Why not.
pub(crate) async fn check(cx: Ctx, arn: TargetArn) -> Result<(), Undelivered> {
    find(&cx, &arn, None).await.map(drop)
}

/// Stores an object for another service.
///
/// # Errors
/// Why not.
pub(crate) async fn deliver(cx: Ctx, delivery: Delivery) -> Result<(), Undelivered> {
    let key = delivery.object_key.ok_or_else(|| Undelivered::Invalid("an object has a key".to_owned()))?;
    let bucket = find(&cx, &delivery.target, Some((&delivery.sender, &key))).await?;
    let cx = cx.as_caller(Caller::root(&bucket.account, &bucket.region));
    let size_bytes = delivery.payload.len() as u64;
    let content = delivery.payload;
    let pieces = futures_util::stream::once(async { Ok::<Bytes, std::io::Error>(content) });
    let input = PutObjectInput {
        bucket: bucket.name,
        key,
        body: Some(ByteStream::new(Box::pin(pieces), Some(size_bytes))),
        ..PutObjectInput::default()
    };
    ops::put_object(cx, input).await.map(drop).map_err(undelivered)
}

fn undelivered(error: AwsError) -> Undelivered {
    let message = error.message.clone().unwrap_or_default();
    match error.status {
        503 => Undelivered::Throttled,
        500.. => Undelivered::Failed(message),
        404 => Undelivered::NotFound(message),
        403 => Undelivered::Denied(message),
        _ => Undelivered::Invalid(message),
    }
}
