//! `GetBucketReplication`: there is none.

use api_s3::{GetBucketReplicationInput, GetBucketReplicationOutput};
use aws_wire::Result;

use crate::{Ctx, bucket, errors};

pub(crate) async fn get_bucket_replication(
    cx: Ctx,
    input: GetBucketReplicationInput,
) -> Result<GetBucketReplicationOutput> {
    bucket::find(&cx, &cx.kv.snapshot().await?, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let message = "The replication configuration was not found";
    Err(errors::not_configured("ReplicationConfigurationNotFoundError", message, &input.bucket))
}
