//! `PutFunctionEventInvokeConfig`: how a qualifier's events are retried and where they go; what is not given is reset.

use api_lambda::{FunctionEventInvokeConfig, PutFunctionEventInvokeConfigInput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::asynchronous::config::{self, Given};
use crate::keys::EVENT_INVOKE_CONFIGS;
use crate::name::FunctionName;

pub(crate) async fn put_function_event_invoke_config(
    cx: Ctx,
    input: PutFunctionEventInvokeConfigInput,
) -> Result<FunctionEventInvokeConfig> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    config::check_exists(&cx.kv.snapshot().await?, &name)?;
    let given = Given::check(
        &cx,
        &name,
        input.maximum_retry_attempts,
        input.maximum_event_age_in_seconds,
        input.destination_config.as_ref(),
    )
    .await?;
    let stored = given.over(None, cx.env.now().as_micros());
    cx.kv
        .transact(|tx| {
            config::check_exists(tx, &name)?;
            Ok::<_, AwsError>(EVENT_INVOKE_CONFIGS.put(tx, &config::key(&name), &stored)?)
        })
        .await?;
    Ok(stored.shown(config::shown_arn(&name)))
}
