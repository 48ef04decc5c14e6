//! `CreateAlias`: a name for a version, or for two of them by weight.

use api_lambda::{AliasConfiguration, CreateAliasInput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::alias::{self, Alias};
use crate::function::FORMAT;
use crate::keys::{ALIASES, FUNCTIONS};
use crate::name::FunctionName;

pub(crate) async fn create_alias(cx: Ctx, input: CreateAliasInput) -> Result<AliasConfiguration> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    let additional = alias::additional(&input.function_version, input.routing_config.as_ref())?;
    let alias = Alias {
        format: FORMAT,
        name: input.name,
        version: input.function_version,
        additional,
        description: input.description.unwrap_or_default(),
        revision_id: cx.env.uuid().to_string(),
    };
    let key = alias::key(&name, &alias.name);
    let _changing = cx.state.versions.changing(&name.key());
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &name.key())?.ok_or_else(|| name.not_found())?;
            alias.check(tx, &name)?;
            if ALIASES.get(tx, &key)?.is_some() {
                let arn = name.with_qualifier(&alias.name).qualified_arn();
                return Err(errors::resource_conflict_exception(format!("Alias already exists: {arn}")));
            }
            Ok::<_, AwsError>(ALIASES.put(tx, &key, &alias)?)
        })
        .await?;
    Ok(alias.shown(&name))
}
