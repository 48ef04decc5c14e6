//! `RemovePermission`: takes a statement out of a resource's policy; the last takes the policy along.

use api_lambda::{RemovePermissionInput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::POLICIES;
use crate::name::FunctionName;
use crate::policy;
use crate::published;

pub(crate) async fn remove_permission(cx: Ctx, input: RemovePermissionInput) -> Result<()> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let (key, revision_id) = (policy::key(&name), cx.env.uuid().to_string());
    cx.kv
        .transact(|tx| {
            published::lookup(tx, &name)?;
            let mut policy = POLICIES.get(tx, &key)?.ok_or_else(|| {
                errors::resource_not_found_exception("No policy is associated with the given resource.")
            })?;
            let before = policy.statements().len();
            policy.statements_mut().retain(|known| known["Sid"] != *input.statement_id);
            let left = policy.statements().len();
            if left == before {
                return Err(errors::resource_not_found_exception(format!(
                    "Statement {} is not found in resource policy.",
                    input.statement_id
                )));
            }
            policy::check_revision(Some(&policy), input.revision_id.as_deref())?;
            policy.revision_id.clone_from(&revision_id);
            let stored = if left == 0 { POLICIES.delete(tx, &key) } else { POLICIES.put(tx, &key, &policy) };
            Ok::<_, AwsError>(stored?)
        })
        .await
}
