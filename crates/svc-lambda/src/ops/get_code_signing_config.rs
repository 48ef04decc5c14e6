//! `GetCodeSigningConfig`: one configuration.

use api_lambda::{GetCodeSigningConfigInput, GetCodeSigningConfigOutput};
use aws_wire::Result;

use crate::Ctx;
use crate::code_signing;

pub(crate) async fn get_code_signing_config(
    cx: Ctx,
    input: GetCodeSigningConfigInput,
) -> Result<GetCodeSigningConfigOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (_, config) = code_signing::find(&snapshot, &cx.caller, &input.code_signing_config_arn)?;
    Ok(GetCodeSigningConfigOutput { code_signing_config: config.shown() })
}
