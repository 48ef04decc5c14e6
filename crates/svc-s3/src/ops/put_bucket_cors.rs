//! `PutBucketCors`: which other origins' pages may ask.

use api_s3::{GetBucketCorsInput, GetBucketCorsOutput, PutBucketCorsInput};
use aws_wire::Result;

use crate::{Ctx, cors, document};

pub(crate) async fn put_bucket_cors(cx: Ctx, input: PutBucketCorsInput) -> Result<()> {
    let rules = input.cors_configuration.cors_rules;
    cors::check(&rules)?;
    let setting = GetBucketCorsOutput { cors_rules: Some(rules) };
    let owner = input.expected_bucket_owner.as_deref();
    document::put::<GetBucketCorsInput>(&cx, &input.bucket, owner, setting).await
}
