//! `PutBucketWebsite`: the bucket as a website.

use api_s3::{GetBucketWebsiteInput, GetBucketWebsiteOutput, PutBucketWebsiteInput};
use aws_wire::Result;

use crate::{Ctx, document, website};

pub(crate) async fn put_bucket_website(cx: Ctx, input: PutBucketWebsiteInput) -> Result<()> {
    let site = input.website_configuration;
    website::check(&site)?;
    let setting = GetBucketWebsiteOutput {
        redirect_all_requests_to: site.redirect_all_requests_to,
        index_document: site.index_document,
        error_document: site.error_document,
        routing_rules: site.routing_rules,
    };
    let owner = input.expected_bucket_owner.as_deref();
    document::put::<GetBucketWebsiteInput>(&cx, &input.bucket, owner, setting).await
}
