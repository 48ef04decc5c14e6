//! `DeleteResourcePolicy`: all of a resource's statements at once.

use api_lambda::{DeleteResourcePolicyInput, errors};
use aws_wire::{AwsError, Result};

use super::put_resource_policy::owner;
use crate::Ctx;
use crate::keys::POLICIES;
use crate::policy;
use crate::published;

pub(crate) async fn delete_resource_policy(cx: Ctx, input: DeleteResourcePolicyInput) -> Result<()> {
    let name = owner(&cx, "DeleteResourcePolicy", &input.resource_arn)?;
    let key = policy::key(&name);
    cx.kv
        .transact(|tx| {
            published::lookup(tx, &name)?;
            let policy = POLICIES.get(tx, &key)?.ok_or_else(|| {
                errors::resource_not_found_exception("The resource you requested does not exist.")
            })?;
            policy::check_revision(Some(&policy), input.revision_id.as_deref())?;
            Ok::<_, AwsError>(POLICIES.delete(tx, &key)?)
        })
        .await
}
