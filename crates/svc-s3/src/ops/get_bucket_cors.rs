//! `GetBucketCors`: the rules for other origins.

use api_s3::{GetBucketCorsInput, GetBucketCorsOutput};
use aws_wire::Result;

use crate::{Ctx, document, errors};

pub(crate) async fn get_bucket_cors(cx: Ctx, input: GetBucketCorsInput) -> Result<GetBucketCorsOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketCorsInput>(&cx, &input.bucket, owner).await?;
    let message = "The CORS configuration does not exist";
    found.ok_or_else(|| errors::not_configured("NoSuchCORSConfiguration", message, &input.bucket))
}
