//! `GetFunctionEventInvokeConfig`: what was set for one qualifier.

use api_lambda::{FunctionEventInvokeConfig, GetFunctionEventInvokeConfigInput};
use aws_wire::Result;

use crate::Ctx;
use crate::asynchronous::config;
use crate::keys::EVENT_INVOKE_CONFIGS;
use crate::name::FunctionName;

pub(crate) async fn get_function_event_invoke_config(
    cx: Ctx,
    input: GetFunctionEventInvokeConfigInput,
) -> Result<FunctionEventInvokeConfig> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let stored = EVENT_INVOKE_CONFIGS.get(&cx.kv.snapshot().await?, &config::key(&name))?;
    let stored = stored.ok_or_else(|| config::config_missing(&name))?;
    Ok(stored.shown(config::shown_arn(&name)))
}
