//! `CreateCodeSigningConfig`: who may have signed code, and what happens to code that they have not.

use api_lambda::{CreateCodeSigningConfigInput, CreateCodeSigningConfigOutput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::code_signing::{self, CodeSigningConfig};
use crate::function::FORMAT;
use crate::keys::CODE_SIGNING_CONFIGS;
use crate::settings;

pub(crate) async fn create_code_signing_config(
    cx: Ctx,
    input: CreateCodeSigningConfigInput,
) -> Result<CreateCodeSigningConfigOutput> {
    code_signing::check_publishers(&input.allowed_publishers)?;
    let tags = input.tags.unwrap_or_default();
    settings::check_tags(&tags)?;
    let id = format!("csc-{:.17}", cx.env.uuid().simple().to_string());
    let config = CodeSigningConfig {
        format: FORMAT,
        arn: cx.caller.arn("lambda", &format!("code-signing-config:{id}")),
        id,
        description: input.description.unwrap_or_default(),
        publishers: input.allowed_publishers.signing_profile_version_arns,
        enforce: code_signing::enforces(input.code_signing_policies.as_ref()).unwrap_or(false),
        last_modified_us: cx.env.now().as_micros(),
        tags,
    };
    let key = (&*cx.caller.account, &*cx.caller.region, config.id.as_str());
    cx.kv.transact(|tx| Ok::<_, AwsError>(CODE_SIGNING_CONFIGS.put(tx, &key, &config)?)).await?;
    Ok(CreateCodeSigningConfigOutput { code_signing_config: config.shown() })
}
