//! `UpdateFunctionUrlConfig`: what is not given stays; the address always does.

use api_lambda::{UpdateFunctionUrlConfigInput, UpdateFunctionUrlConfigOutput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::URLS;
use crate::name::FunctionName;
use crate::url::{self, Cors};

pub(crate) async fn update_function_url_config(
    cx: Ctx,
    input: UpdateFunctionUrlConfigInput,
) -> Result<UpdateFunctionUrlConfigOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let key = url::key_of(&name);
    let now = cx.env.now();
    let changed = cx
        .kv
        .transact(|tx| {
            let mut changed = url::find(tx, &name)?;
            if let Some(auth) = input.auth_type {
                changed.auth = auth.into();
            }
            if input.cors.is_some() {
                changed.cors = Cors::check(input.cors.clone());
            }
            if let Some(mode) = input.invoke_mode {
                changed.mode = mode.into();
            }
            changed.last_modified_us = now.as_micros();
            URLS.put(tx, &key, &changed)?;
            Ok::<_, AwsError>(changed)
        })
        .await?;
    let shown = changed.shown(&key, cx.state.port);
    Ok(UpdateFunctionUrlConfigOutput {
        function_url: shown.function_url,
        function_arn: shown.function_arn,
        auth_type: shown.auth_type,
        cors: shown.cors,
        creation_time: shown.creation_time,
        last_modified_time: shown.last_modified_time,
        invoke_mode: shown.invoke_mode,
    })
}
