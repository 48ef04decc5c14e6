//! `DeleteFunctionConcurrency`: gives back what a function has reserved.

use api_lambda::DeleteFunctionConcurrencyInput;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::concurrency;
use crate::keys::{FUNCTIONS, RESERVED};

pub(crate) async fn delete_function_concurrency(
    cx: Ctx,
    input: DeleteFunctionConcurrencyInput,
) -> Result<()> {
    let name = concurrency::parse(&cx, &input.function_name)?;
    let key = name.key();
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &key)?.ok_or_else(|| name.not_found())?;
            Ok::<_, AwsError>(RESERVED.delete(tx, &key)?)
        })
        .await?;
    concurrency::apply(&cx, &key).await
}
