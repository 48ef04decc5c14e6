//! `GetResourcePolicy`: of a stream or a consumer.

use api_kinesis::{GetResourcePolicyInput, GetResourcePolicyOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::resource;

pub(crate) async fn get_resource_policy(
    cx: Ctx,
    input: GetResourcePolicyInput,
) -> Result<GetResourcePolicyOutput> {
    let id = input.stream_id.as_deref();
    let found = resource::find(&cx, &cx.kv.snapshot().await?, "GetResourcePolicy", &input.resource_arn, id)?;
    let policy = found.policy().ok_or_else(|| no_policy(&input.resource_arn))?;
    Ok(GetResourcePolicyOutput { policy: policy.to_owned() })
}

pub(crate) fn no_policy(arn: &str) -> aws_wire::AwsError {
    errors::resource_not_found_exception(format!("No resource policy found for {arn}."))
}
