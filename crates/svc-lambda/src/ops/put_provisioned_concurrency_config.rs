//! `PutProvisionedConcurrencyConfig`: from now on so many environments of a version, or of where an alias leads, are
//! kept ready.

use api_lambda::{
    ProvisionedConcurrencyStatusEnum, PutProvisionedConcurrencyConfigInput,
    PutProvisionedConcurrencyConfigOutput, errors,
};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::function::FORMAT;
use crate::keys::PROVISIONED;
use crate::provisioned::{self, Config, UNPUBLISHED};
use crate::published::find_qualified;

pub(crate) async fn put_provisioned_concurrency_config(
    cx: Ctx,
    input: PutProvisionedConcurrencyConfigInput,
) -> Result<PutProvisionedConcurrencyConfigOutput> {
    let name = provisioned::parse(&cx, &input.function_name, &input.qualifier, UNPUBLISHED)?;
    // The model lets only positive numbers pass.
    let requested = u32::try_from(input.provisioned_concurrent_executions).unwrap_or(0);
    provisioned::check(&cx, &cx.kv.snapshot().await?, &name, requested)?;
    let found = find_qualified(&cx, &name).await?;
    if found.published.is_some_and(|published| published.settings.snap_start) {
        return Err(errors::invalid_parameter_value_exception(
            "Provisioned Concurrency is not supported for functions enabled with SnapStart.",
        ));
    }
    // What can't run at all is refused now rather than shown as failed later.
    cx.state.versions.get(&cx, &name).await?;
    let config = Config { format: FORMAT, requested, last_modified_us: cx.env.now().as_micros() };
    let key = provisioned::key(&name);
    cx.kv
        .transact(|tx| {
            provisioned::check(&cx, tx, &name, requested)?;
            Ok::<_, AwsError>(PROVISIONED.put(tx, &key, &config)?)
        })
        .await?;
    cx.state.pools.provision_again(&name.arn());
    cx.state.provisioned.insert(name.key());

    let qualifier = name.qualifier.as_deref().unwrap_or_default();
    let all = provisioned::shown(&cx, &name).await?;
    let shown = all.into_iter().find(|(known, _)| known == qualifier).map(|(_, shown)| shown);
    let shown = shown.ok_or_else(provisioned::not_configured)?;
    Ok(PutProvisionedConcurrencyConfigOutput {
        requested_provisioned_concurrent_executions: Some(input.provisioned_concurrent_executions),
        allocated_provisioned_concurrent_executions: shown.allocated_provisioned_concurrent_executions,
        available_provisioned_concurrent_executions: shown.available_provisioned_concurrent_executions,
        // Even where nothing is left to do: AWS never says at once that it is done.
        status: Some(ProvisionedConcurrencyStatusEnum::InProgress),
        status_reason: None,
        last_modified: shown.last_modified,
    })
}
