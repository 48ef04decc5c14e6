//! `UpdateAlias`: another version, other weights, another description. What is not given stays.

use api_lambda::{AliasConfiguration, UpdateAliasInput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::alias;
use crate::function;
use crate::keys::ALIASES;
use crate::name::FunctionName;
use crate::provisioned;

pub(crate) async fn update_alias(cx: Ctx, input: UpdateAliasInput) -> Result<AliasConfiguration> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    let key = alias::key(&name, &input.name);
    let revision_id = cx.env.uuid().to_string();
    let _changing = cx.state.versions.changing(&name.key());
    let alias = cx
        .kv
        .transact(|tx| {
            let mut alias = ALIASES.get(tx, &key)?.ok_or_else(|| {
                let arn = name.with_qualifier(&input.name).qualified_arn();
                errors::resource_not_found_exception(format!("Alias not found: {arn}"))
            })?;
            function::check_revision(&alias.revision_id, input.revision_id.as_deref())?;
            if let Some(version) = &input.function_version {
                version.clone_into(&mut alias.version);
            }
            if let Some(routing) = &input.routing_config {
                alias.additional = alias::additional(&alias.version, Some(routing))?;
            }
            if let Some(description) = &input.description {
                description.clone_into(&mut alias.description);
            }
            alias.check(tx, &name)?;
            provisioned::check_moved(tx, &name, &alias)?;
            revision_id.clone_into(&mut alias.revision_id);
            ALIASES.put(tx, &key, &alias)?;
            Ok::<_, AwsError>(alias)
        })
        .await?;
    cx.state.provisioned.insert(name.key());
    Ok(alias.shown(&name))
}
