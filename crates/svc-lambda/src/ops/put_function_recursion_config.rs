//! `PutFunctionRecursionConfig`: whether a function that is found in a loop is stopped.

use api_lambda::{PutFunctionRecursionConfigInput, PutFunctionRecursionConfigOutput, RecursiveLoop};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::asynchronous::config::RecursionConfig;
use crate::function::FORMAT;
use crate::keys::{FUNCTIONS, RECURSION_CONFIGS};
use crate::name::FunctionName;

pub(crate) async fn put_function_recursion_config(
    cx: Ctx,
    input: PutFunctionRecursionConfigInput,
) -> Result<PutFunctionRecursionConfigOutput> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    let allow = input.recursive_loop == RecursiveLoop::Allow;
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &name.key())?.ok_or_else(|| name.not_found())?;
            let config = RecursionConfig { format: FORMAT, allow };
            Ok::<_, AwsError>(RECURSION_CONFIGS.put(tx, &name.key(), &config)?)
        })
        .await?;
    Ok(PutFunctionRecursionConfigOutput { recursive_loop: Some(input.recursive_loop) })
}
