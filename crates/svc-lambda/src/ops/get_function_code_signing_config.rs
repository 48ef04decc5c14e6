//! `GetFunctionCodeSigningConfig`: a function's configuration; without one the answer has only the function's name.

use api_lambda::{GetFunctionCodeSigningConfigInput, GetFunctionCodeSigningConfigOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::code_signing;
use crate::keys::FUNCTIONS;
use crate::policy;

pub(crate) async fn get_function_code_signing_config(
    cx: Ctx,
    input: GetFunctionCodeSigningConfigInput,
) -> Result<GetFunctionCodeSigningConfigOutput> {
    let name =
        policy::named(&cx, "GetFunctionCodeSigningConfig", &input.function_name, None).await?.latest()?;
    let snapshot = cx.kv.snapshot().await?;
    FUNCTIONS.get(&snapshot, &name.key())?.ok_or_else(|| name.not_found())?;
    let config = code_signing::of_function(&snapshot, &name.key())?;
    Ok(GetFunctionCodeSigningConfigOutput {
        code_signing_config_arn: config.map(|config| config.arn),
        function_name: name.name,
    })
}
