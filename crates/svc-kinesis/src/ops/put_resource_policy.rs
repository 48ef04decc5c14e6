//! `PutResourcePolicy`: of a stream or a consumer.

use api_kinesis::PutResourcePolicyInput;
use aws_wire::Result;

use crate::Ctx;
use crate::{policy, resource};

pub(crate) async fn put_resource_policy(cx: Ctx, input: PutResourcePolicyInput) -> Result<()> {
    policy::check_document(&input.policy)?;
    let id = input.stream_id.as_deref();
    resource::change(&cx, "PutResourcePolicy", &input.resource_arn, id, |facts| {
        *facts.policy = Some(input.policy.clone());
        Ok(())
    })
    .await
}
