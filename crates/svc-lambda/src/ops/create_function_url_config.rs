//! `CreateFunctionUrlConfig`: an address of HTTP for a function or an alias.

use api_lambda::{CreateFunctionUrlConfigInput, CreateFunctionUrlConfigOutput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::{URL_OWNERS, URLS};
use crate::name::FunctionName;
use crate::url::{self, FunctionUrl, UrlOwner};

pub(crate) async fn create_function_url_config(
    cx: Ctx,
    input: CreateFunctionUrlConfigInput,
) -> Result<CreateFunctionUrlConfigOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let key = url::key_of(&name);
    let owner = UrlOwner::new(key.clone());
    let stored = FunctionUrl::new(&cx.env, &input);
    cx.kv
        .transact(|tx| {
            url::check_owner(tx, &name)?;
            if URLS.get(tx, &key)?.is_some() {
                return Err(errors::resource_conflict_exception(format!(
                    "Failed to create function url config for [functionArn = {}]. Error message:  FunctionUrlConfig exists for this Lambda function",
                    name.qualified_arn()
                )));
            }
            URLS.put(tx, &key, &stored)?;
            Ok::<_, AwsError>(URL_OWNERS.put(tx, &stored.id, &owner)?)
        })
        .await?;
    let shown = stored.shown(&key, cx.state.port);
    Ok(CreateFunctionUrlConfigOutput {
        function_url: shown.function_url,
        function_arn: shown.function_arn,
        auth_type: shown.auth_type,
        cors: shown.cors,
        creation_time: shown.creation_time,
        // AWS tells only here what it was told.
        invoke_mode: input.invoke_mode,
    })
}
