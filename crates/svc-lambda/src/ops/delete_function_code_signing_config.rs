//! `DeleteFunctionCodeSigningConfig`: any package may be deployed again.

use api_lambda::DeleteFunctionCodeSigningConfigInput;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::code_signing;
use crate::keys::FUNCTIONS;
use crate::name::FunctionName;

pub(crate) async fn delete_function_code_signing_config(
    cx: Ctx,
    input: DeleteFunctionCodeSigningConfigInput,
) -> Result<()> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &name.key())?.ok_or_else(|| name.not_found())?;
            Ok::<_, AwsError>(code_signing::unlink(tx, &name.key())?)
        })
        .await
}
