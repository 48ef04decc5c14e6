//! `GetProvisionedConcurrencyConfig`: what is provisioned of a version or an alias, and how far it has come.

use api_lambda::{GetProvisionedConcurrencyConfigInput, GetProvisionedConcurrencyConfigOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::provisioned::{self, NOT_PUBLISHED};

pub(crate) async fn get_provisioned_concurrency_config(
    cx: Ctx,
    input: GetProvisionedConcurrencyConfigInput,
) -> Result<GetProvisionedConcurrencyConfigOutput> {
    let name = provisioned::parse(&cx, &input.function_name, &input.qualifier, NOT_PUBLISHED)?;
    provisioned::find(&cx.kv.snapshot().await?, &name)?;
    let qualifier = name.qualifier.as_deref().unwrap_or_default();
    let all = provisioned::shown(&cx, &name).await?;
    let found = all.into_iter().find(|(known, _)| known == qualifier);
    let (_, shown) = found.ok_or_else(provisioned::not_configured)?;
    Ok(GetProvisionedConcurrencyConfigOutput {
        requested_provisioned_concurrent_executions: shown.requested_provisioned_concurrent_executions,
        available_provisioned_concurrent_executions: shown.available_provisioned_concurrent_executions,
        allocated_provisioned_concurrent_executions: shown.allocated_provisioned_concurrent_executions,
        status: shown.status,
        status_reason: shown.status_reason,
        last_modified: shown.last_modified,
    })
}
