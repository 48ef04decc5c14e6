//! `PutBucketPolicy`: who else may use the bucket, as IAM's language has it.

use api_s3::{GetBucketPolicyInput, GetBucketPolicyOutput, PutBucketPolicyInput};
use aws_auth::policy::Policy;
use aws_wire::Result;
use kv::Tx;
use serde_json::Value as Json;

use crate::public::is_public;
use crate::{Ctx, access, bucket, document, errors};

const POLICY_BYTES_MAX: usize = 20 * 1024;

pub(crate) async fn put_bucket_policy(cx: Ctx, input: PutBucketPolicyInput) -> Result<()> {
    let malformed = |message: &str| errors::other(400, "MalformedPolicy", message);
    if input.policy.len() > POLICY_BYTES_MAX {
        return Err(errors::other(400, "PolicyTooLarge", "Your policy exceeds the maximum allowed size"));
    }
    let not_json = "Policies must be valid JSON and the first byte must be '{'";
    let document = serde_json::from_str::<Json>(&input.policy).map_err(|_| malformed(not_json))?;
    Policy::parse(&document).map_err(|error| malformed(&error.0))?;
    check_resources(&document, &input.bucket)?;
    let put = |tx: &mut Tx| {
        let bucket = bucket::find(&cx, tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let blocked = access::block(tx, &bucket)?.block_public_policy == Some(true);
        if blocked && is_public(&document) {
            let message = format!(
                "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"{}\" because public \
                 policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
                cx.caller.principal.arn,
                bucket.arn()
            );
            return Err(errors::access_denied(&message));
        }
        let setting = GetBucketPolicyOutput { policy: Some(input.policy.clone()) };
        document::write::<GetBucketPolicyInput>(tx, &bucket, setting)
    };
    cx.kv.transact(put).await
}

/// Every statement is about this bucket.
fn check_resources(document: &Json, name: &str) -> Result<()> {
    let arn = format!("arn:aws:s3:::{name}");
    let about = |resource: &Json| {
        let rest = resource.as_str().and_then(|text| text.strip_prefix(&arn));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('*'))
    };
    let statements = match &document["Statement"] {
        Json::Array(statements) => statements.iter().collect::<Vec<_>>(),
        one => vec![one],
    };
    let is_good = statements.iter().all(|statement| match &statement["Resource"] {
        Json::Array(resources) => resources.iter().all(about),
        Json::Null => true,
        one => about(one),
    });
    if is_good { Ok(()) } else { Err(errors::other(400, "MalformedPolicy", "Policy has invalid resource")) }
}
