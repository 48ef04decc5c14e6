//! `DeleteFunction`: forgets the function and ends its idle environments; invocations under way finish.

use api_lambda::{DeleteFunctionInput, DeleteFunctionOutput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::FUNCTIONS;
use crate::name::{FunctionName, LATEST};

pub(crate) async fn delete_function(cx: Ctx, input: DeleteFunctionInput) -> Result<DeleteFunctionOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, input.qualifier.as_deref())?;
    match name.qualifier.as_deref() {
        None => {}
        Some(LATEST) => {
            return Err(errors::invalid_parameter_value_exception(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        Some(_) => return Err(name.not_found()),
    }
    let key = name.key();
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &key)?.ok_or_else(|| name.not_found())?;
            Ok::<_, AwsError>(FUNCTIONS.delete(tx, &key)?)
        })
        .await?;
    cx.state.versions.forget(&key);
    cx.state.pools.retire(&name.arn(), None);
    // The model says 200; AWS answers 204.
    Ok(DeleteFunctionOutput { status_code: Some(204) })
}
