//! `PutFunctionCodeSigningConfig`: a function's packages are held to a configuration from now on.

use api_lambda::{PutFunctionCodeSigningConfigInput, PutFunctionCodeSigningConfigOutput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::code_signing;
use crate::keys::FUNCTIONS;
use crate::name::FunctionName;

pub(crate) async fn put_function_code_signing_config(
    cx: Ctx,
    input: PutFunctionCodeSigningConfigInput,
) -> Result<PutFunctionCodeSigningConfigOutput> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    cx.kv
        .transact(|tx| {
            FUNCTIONS.get(tx, &name.key())?.ok_or_else(|| name.not_found())?;
            let (_, config) =
                code_signing::find_for_function(tx, &cx.caller, &input.code_signing_config_arn)?;
            Ok::<_, AwsError>(code_signing::link(tx, &name.key(), &config.id)?)
        })
        .await?;
    Ok(PutFunctionCodeSigningConfigOutput {
        code_signing_config_arn: input.code_signing_config_arn,
        function_name: name.name,
    })
}
