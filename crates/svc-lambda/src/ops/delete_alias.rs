//! `DeleteAlias`: one that is not there is deleted too.

use api_lambda::DeleteAliasInput;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::alias;
use crate::keys::{ALIASES, EVENT_INVOKE_CONFIGS, FUNCTIONS, POLICIES, PROVISIONED};
use crate::name::FunctionName;
use crate::policy;
use crate::url;

pub(crate) async fn delete_alias(cx: Ctx, input: DeleteAliasInput) -> Result<()> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    let _changing = cx.state.versions.changing(&name.key());
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &name.key())?.ok_or_else(|| name.not_found())?;
            url::delete(tx, &url::key(&name, &input.name))?;
            PROVISIONED.delete(tx, &alias::key(&name, &input.name))?;
            POLICIES.delete(tx, &policy::key(&name.with_qualifier(&input.name)))?;
            let key = alias::key(&name, &input.name);
            EVENT_INVOKE_CONFIGS.delete(tx, &key)?;
            Ok::<_, AwsError>(ALIASES.delete(tx, &key)?)
        })
        .await?;
    cx.state.provisioned.insert(name.key());
    Ok(())
}
