//! `ListProvisionedConcurrencyConfigs`: what is provisioned of a function, by qualifier, page by page.

use api_lambda::{ListProvisionedConcurrencyConfigsInput, ListProvisionedConcurrencyConfigsOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::name::FunctionName;
use crate::page;
use crate::provisioned;
use crate::versions::find;

pub(crate) async fn list_provisioned_concurrency_configs(
    cx: Ctx,
    input: ListProvisionedConcurrencyConfigsInput,
) -> Result<ListProvisionedConcurrencyConfigsOutput> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    let after = input.marker.as_deref().map(page::after).transpose()?;
    find(&cx, &name).await?;
    let mut configs = provisioned::shown(&cx, &name).await?;
    configs.retain(|(qualifier, _)| after.as_ref().is_none_or(|after| qualifier > after));
    let next_marker =
        page::cut(&mut configs, page::limit(input.max_items)).map(|(last, _)| page::marker(last));
    let configs = configs.into_iter().map(|(_, shown)| shown).collect();
    Ok(ListProvisionedConcurrencyConfigsOutput {
        provisioned_concurrency_configs: Some(configs),
        next_marker,
    })
}
