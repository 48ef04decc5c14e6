//! `DeleteAlias`: one that is not there is deleted too.

use api_lambda::DeleteAliasInput;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::alias;
use crate::keys::{ALIASES, FUNCTIONS, POLICIES};
use crate::name::FunctionName;
use crate::policy;

pub(crate) async fn delete_alias(cx: Ctx, input: DeleteAliasInput) -> Result<()> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &name.key())?.ok_or_else(|| name.not_found())?;
            POLICIES.delete(tx, &policy::key(&name.with_qualifier(&input.name)))?;
            Ok::<_, AwsError>(ALIASES.delete(tx, &alias::key(&name, &input.name))?)
        })
        .await?;
    cx.state.versions.forget(&name.key());
    Ok(())
}
