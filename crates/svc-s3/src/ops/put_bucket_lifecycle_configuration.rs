//! `PutBucketLifecycleConfiguration`: when objects expire.

use api_s3::{
    GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
    PutBucketLifecycleConfigurationInput, PutBucketLifecycleConfigurationOutput,
};
use aws_wire::Result;

use crate::{Ctx, document, errors, lifecycle};

pub(crate) async fn put_bucket_lifecycle_configuration(
    cx: Ctx,
    input: PutBucketLifecycleConfigurationInput,
) -> Result<PutBucketLifecycleConfigurationOutput> {
    let mut rules = input.lifecycle_configuration.ok_or_else(errors::malformed_xml)?.rules;
    lifecycle::check(&rules)?;
    for rule in rules.iter_mut().filter(|rule| rule.id.is_none()) {
        rule.id = Some(cx.env.uuid().simple().to_string());
    }
    let minimum = input.transition_default_minimum_object_size;
    let setting = GetBucketLifecycleConfigurationOutput {
        rules: Some(rules),
        transition_default_minimum_object_size: minimum,
    };
    let owner = input.expected_bucket_owner.as_deref();
    document::put::<GetBucketLifecycleConfigurationInput>(&cx, &input.bucket, owner, setting).await?;
    Ok(PutBucketLifecycleConfigurationOutput { transition_default_minimum_object_size: minimum })
}
