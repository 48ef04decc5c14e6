//! `DeleteFunction`: forgets the function and ends its idle environments; invocations under way finish.

use api_lambda::{DeleteFunctionInput, DeleteFunctionOutput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::alias;
use crate::asynchronous::config;
use crate::code_signing;
use crate::concurrency;
use crate::keys::{
    ALIASES, EVENT_INVOKE_CONFIGS, FUNCTIONS, POLICIES, PROVISIONED, RECURSION_CONFIGS, RESERVED, VERSIONS,
};
use crate::name::{FunctionName, LATEST};
use crate::policy;
use crate::published::{self, of_function};
use crate::url;

pub(crate) async fn delete_function(cx: Ctx, input: DeleteFunctionInput) -> Result<DeleteFunctionOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    match name.qualifier.as_deref() {
        None => {}
        Some(LATEST) => {
            return Err(errors::invalid_parameter_value_exception(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        Some(qualifier) => return delete_version(&cx, &name, qualifier).await,
    }
    let key = name.key();
    let _changing = cx.state.versions.changing(&key);
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &key)?.ok_or_else(|| name.not_found())?;
            VERSIONS.delete_all(tx, &of_function(&key))?;
            ALIASES.delete_all(tx, &of_function(&key))?;
            RESERVED.delete(tx, &key)?;
            PROVISIONED.delete_all(tx, &of_function(&key))?;
            POLICIES.delete_all(tx, &of_function(&key))?;
            code_signing::unlink(tx, &key)?;
            EVENT_INVOKE_CONFIGS.delete_all(tx, &of_function(&key))?;
            RECURSION_CONFIGS.delete(tx, &key)?;
            url::delete_all(tx, &key)?;
            Ok::<_, AwsError>(FUNCTIONS.delete(tx, &key)?)
        })
        .await?;
    cx.state.pools.retire(&name.arn(), None, None);
    // A function of the same name may be there again already.
    concurrency::apply(&cx, &key).await?;
    cx.state.provisioned.insert(key);
    // The model says 200; AWS answers 204.
    Ok(DeleteFunctionOutput { status_code: Some(204) })
}

/// Deletes one published version; what an alias leads to stays.
async fn delete_version(cx: &Ctx, name: &FunctionName, qualifier: &str) -> Result<DeleteFunctionOutput> {
    let number = published::number(qualifier).ok_or_else(|| {
        errors::invalid_parameter_value_exception("Deletion of aliases is not currently supported.")
    })?;
    let key = name.key();
    let _changing = cx.state.versions.changing(&key);
    cx.kv
        .transact(|tx| {
            published::get(tx, name, number)?;
            let aliases = alias::all(tx, &key)?;
            let leading = aliases.iter().filter(|(_, alias)| alias.leads_to(qualifier));
            let leading = leading.map(|(_, alias)| alias.name.as_str()).collect::<Vec<_>>();
            if !leading.is_empty() {
                return Err(errors::resource_conflict_exception(format!(
                    "Unable to delete version because the following aliases reference it: [{}]",
                    leading.join(", ")
                )));
            }
            PROVISIONED.delete(tx, &alias::key(name, qualifier))?;
            POLICIES.delete(tx, &policy::key(name))?;
            EVENT_INVOKE_CONFIGS.delete(tx, &config::key(name))?;
            let (account, region, function) = key.clone();
            Ok::<_, AwsError>(VERSIONS.delete(tx, &(account, region, function, number))?)
        })
        .await?;
    cx.state.pools.retire(&name.arn(), Some(qualifier), None);
    cx.state.provisioned.insert(key);
    Ok(DeleteFunctionOutput { status_code: Some(204) })
}
