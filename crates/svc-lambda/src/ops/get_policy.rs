//! `GetPolicy`: the policy of a function, a version or an alias.

use api_lambda::{GetPolicyInput, GetPolicyOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::keys::POLICIES;
use crate::policy;
use crate::published;

pub(crate) async fn get_policy(cx: Ctx, input: GetPolicyInput) -> Result<GetPolicyOutput> {
    let name = policy::named(&cx, "GetPolicy", &input.function_name, input.qualifier.as_deref()).await?;
    let snapshot = cx.kv.snapshot().await?;
    published::lookup(&snapshot, &name)?;
    let policy = POLICIES
        .get(&snapshot, &policy::key(&name))?
        .ok_or_else(|| errors::resource_not_found_exception("The resource you requested does not exist."))?;
    Ok(GetPolicyOutput { policy: Some(policy.text()), revision_id: Some(policy.revision_id) })
}
