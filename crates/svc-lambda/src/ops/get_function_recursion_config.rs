//! `GetFunctionRecursionConfig`: whether a function that is found in a loop is stopped.

use api_lambda::{GetFunctionRecursionConfigInput, GetFunctionRecursionConfigOutput, RecursiveLoop};
use aws_wire::Result;

use crate::Ctx;
use crate::keys::{FUNCTIONS, RECURSION_CONFIGS};
use crate::name::FunctionName;

pub(crate) async fn get_function_recursion_config(
    cx: Ctx,
    input: GetFunctionRecursionConfigInput,
) -> Result<GetFunctionRecursionConfigOutput> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    let snapshot = cx.kv.snapshot().await?;
    FUNCTIONS.get(&snapshot, &name.key())?.ok_or_else(|| name.not_found())?;
    let allow = RECURSION_CONFIGS.get(&snapshot, &name.key())?.is_some_and(|config| config.allow);
    let recursive_loop = if allow { RecursiveLoop::Allow } else { RecursiveLoop::Terminate };
    Ok(GetFunctionRecursionConfigOutput { recursive_loop: Some(recursive_loop) })
}
