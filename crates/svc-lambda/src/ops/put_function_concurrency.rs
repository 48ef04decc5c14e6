//! `PutFunctionConcurrency`: sets concurrency aside for a function, which caps it too.

use api_lambda::{Concurrency, PutFunctionConcurrencyInput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::concurrency::{self, Reserved};
use crate::function::FORMAT;
use crate::keys::{FUNCTIONS, RESERVED};

pub(crate) async fn put_function_concurrency(
    cx: Ctx,
    input: PutFunctionConcurrencyInput,
) -> Result<Concurrency> {
    let name = concurrency::parse(&cx, &input.function_name)?;
    let key = name.key();
    // The model lets no negative number pass.
    let wanted = u32::try_from(input.reserved_concurrent_executions).unwrap_or(0);
    let reserved = Reserved { format: FORMAT, concurrent_executions: wanted };
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &key)?.ok_or_else(|| name.not_found())?;
            concurrency::check_reserved(&cx, tx, &key, wanted)?;
            Ok::<_, AwsError>(RESERVED.put(tx, &key, &reserved)?)
        })
        .await?;
    concurrency::apply(&cx, &key).await?;
    Ok(Concurrency { reserved_concurrent_executions: Some(input.reserved_concurrent_executions) })
}
