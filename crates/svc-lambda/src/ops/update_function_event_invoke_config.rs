//! `UpdateFunctionEventInvokeConfig`: as Put, but what is not given stays.

use api_lambda::{FunctionEventInvokeConfig, UpdateFunctionEventInvokeConfigInput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::asynchronous::config::{self, Given};
use crate::keys::EVENT_INVOKE_CONFIGS;
use crate::name::FunctionName;

pub(crate) async fn update_function_event_invoke_config(
    cx: Ctx,
    input: UpdateFunctionEventInvokeConfigInput,
) -> Result<FunctionEventInvokeConfig> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let key = config::key(&name);
    EVENT_INVOKE_CONFIGS.get(&cx.kv.snapshot().await?, &key)?.ok_or_else(|| config::config_missing(&name))?;
    let given = Given::check(
        &cx,
        &name,
        input.maximum_retry_attempts,
        input.maximum_event_age_in_seconds,
        input.destination_config.as_ref(),
    )
    .await?;
    let now_us = cx.env.now().as_micros();
    let stored = cx
        .kv
        .transact(|tx| {
            let before = EVENT_INVOKE_CONFIGS.get(tx, &key)?.ok_or_else(|| config::config_missing(&name))?;
            let stored = given.over(Some(before), now_us);
            EVENT_INVOKE_CONFIGS.put(tx, &key, &stored)?;
            Ok::<_, AwsError>(stored)
        })
        .await?;
    Ok(stored.shown(config::shown_arn(&name)))
}
