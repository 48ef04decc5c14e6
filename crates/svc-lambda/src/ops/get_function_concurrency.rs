//! `GetFunctionConcurrency`: what a function has reserved, if anything.

use api_lambda::{GetFunctionConcurrencyInput, GetFunctionConcurrencyOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::concurrency;
use crate::keys::{FUNCTIONS, RESERVED};

pub(crate) async fn get_function_concurrency(
    cx: Ctx,
    input: GetFunctionConcurrencyInput,
) -> Result<GetFunctionConcurrencyOutput> {
    let name = concurrency::parse(&cx, &input.function_name)?;
    let snapshot = cx.kv.snapshot().await?;
    FUNCTIONS.get(&snapshot, &name.key())?.ok_or_else(|| name.not_found())?;
    let reserved = RESERVED.get(&snapshot, &name.key())?;
    let reserved = reserved.and_then(|reserved| i32::try_from(reserved.concurrent_executions).ok());
    Ok(GetFunctionConcurrencyOutput { reserved_concurrent_executions: reserved })
}
