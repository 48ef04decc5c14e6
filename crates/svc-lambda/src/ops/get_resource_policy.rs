//! `GetResourcePolicy`: a resource's policy as a whole, as GetPolicy shows it.

use api_lambda::{GetResourcePolicyInput, GetResourcePolicyOutput, errors};
use aws_wire::Result;

use super::put_resource_policy::owner;
use crate::Ctx;
use crate::keys::POLICIES;
use crate::policy;
use crate::published;

pub(crate) async fn get_resource_policy(
    cx: Ctx,
    input: GetResourcePolicyInput,
) -> Result<GetResourcePolicyOutput> {
    let name = owner(&cx, "GetResourcePolicy", &input.resource_arn)?;
    let snapshot = cx.kv.snapshot().await?;
    published::lookup(&snapshot, &name)?;
    let policy = POLICIES
        .get(&snapshot, &policy::key(&name))?
        .ok_or_else(|| errors::resource_not_found_exception("The resource you requested does not exist."))?;
    Ok(GetResourcePolicyOutput { policy: Some(policy.text()), revision_id: Some(policy.revision_id) })
}
