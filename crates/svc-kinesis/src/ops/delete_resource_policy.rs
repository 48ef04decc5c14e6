//! `DeleteResourcePolicy`: of a stream or a consumer.

use api_kinesis::DeleteResourcePolicyInput;
use aws_wire::Result;

use crate::Ctx;
use crate::ops::get_resource_policy::no_policy;
use crate::resource;

pub(crate) async fn delete_resource_policy(cx: Ctx, input: DeleteResourcePolicyInput) -> Result<()> {
    let (arn, id) = (&input.resource_arn, input.stream_id.as_deref());
    resource::change(&cx, "DeleteResourcePolicy", arn, id, |facts| {
        facts.policy.take().map(drop).ok_or_else(|| no_policy(arn))
    })
    .await
}
