//! `GetBucketPolicyStatus`: whether the policy lets anybody in.

use api_s3::{GetBucketPolicyInput, GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus};
use aws_wire::Result;
use serde_json::Value as Json;

use crate::{Ctx, document, errors};

pub(crate) async fn get_bucket_policy_status(
    cx: Ctx,
    input: GetBucketPolicyStatusInput,
) -> Result<GetBucketPolicyStatusOutput> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = document::get::<GetBucketPolicyInput>(&cx, &input.bucket, owner).await?;
    let policy = found.and_then(|found| found.policy).ok_or_else(|| {
        let message = "The bucket policy does not exist";
        errors::not_configured("NoSuchBucketPolicy", message, &input.bucket)
    })?;
    let public = serde_json::from_str(&policy).is_ok_and(|document| is_public(&document));
    Ok(GetBucketPolicyStatusOutput { policy_status: Some(PolicyStatus { is_public: Some(public) }) })
}

/// Whether a statement allows everybody something, without a condition.
pub(super) fn is_public(document: &Json) -> bool {
    let statements = match &document["Statement"] {
        Json::Array(statements) => statements.iter().collect::<Vec<_>>(),
        one => vec![one],
    };
    let anybody = |principal: &Json| match principal {
        Json::String(text) => text == "*",
        Json::Object(kinds) => kinds.get("AWS").is_some_and(|aws| match aws {
            Json::Array(all) => all.iter().any(|one| one == "*"),
            one => one == "*",
        }),
        _ => false,
    };
    statements.iter().any(|statement| {
        statement["Effect"] == "Allow"
            && anybody(&statement["Principal"])
            && statement.get("Condition").is_none()
    })
}
