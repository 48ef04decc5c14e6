//! `GetBucketRequestPayment`: the owner pays.

use api_s3::{GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput, Payer};
use aws_wire::Result;

use crate::{Ctx, bucket};

pub(crate) async fn get_bucket_request_payment(
    cx: Ctx,
    input: GetBucketRequestPaymentInput,
) -> Result<GetBucketRequestPaymentOutput> {
    bucket::find(&cx, &cx.kv.snapshot().await?, &input.bucket, input.expected_bucket_owner.as_deref())?;
    Ok(GetBucketRequestPaymentOutput { payer: Some(Payer::BucketOwner) })
}
