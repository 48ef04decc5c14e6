//! `GetAlias`: where an alias leads.

use api_lambda::{AliasConfiguration, GetAliasInput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::alias;
use crate::keys::ALIASES;
use crate::policy;

pub(crate) async fn get_alias(cx: Ctx, input: GetAliasInput) -> Result<AliasConfiguration> {
    let name = policy::named(&cx, "GetAlias", &input.function_name, None).await?.latest()?;
    let alias = ALIASES.get(&cx.kv.snapshot().await?, &alias::key(&name, &input.name))?;
    let alias = alias.ok_or_else(|| {
        let arn = name.with_qualifier(&input.name).qualified_arn();
        errors::resource_not_found_exception(format!("Cannot find alias arn: {arn}"))
    })?;
    Ok(alias.shown(&name))
}
