//! `DeleteFunctionEventInvokeConfig`: a qualifier's events are treated by default again.

use api_lambda::DeleteFunctionEventInvokeConfigInput;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::asynchronous::config;
use crate::keys::EVENT_INVOKE_CONFIGS;
use crate::name::FunctionName;

pub(crate) async fn delete_function_event_invoke_config(
    cx: Ctx,
    input: DeleteFunctionEventInvokeConfigInput,
) -> Result<()> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    let key = config::key(&name);
    cx.kv
        .transact(|tx| {
            EVENT_INVOKE_CONFIGS.get(tx, &key)?.ok_or_else(|| config::config_missing(&name))?;
            Ok::<_, AwsError>(EVENT_INVOKE_CONFIGS.delete(tx, &key)?)
        })
        .await?;
    Ok(())
}
