//! `UpdateCodeSigningConfig`: what is given replaces the old, for the packages that come from now on.

use api_lambda::{UpdateCodeSigningConfigInput, UpdateCodeSigningConfigOutput};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::code_signing;
use crate::keys::CODE_SIGNING_CONFIGS;

pub(crate) async fn update_code_signing_config(
    cx: Ctx,
    input: UpdateCodeSigningConfigInput,
) -> Result<UpdateCodeSigningConfigOutput> {
    input.allowed_publishers.as_ref().map(code_signing::check_publishers).transpose()?;
    let now = cx.env.now();
    let config = cx
        .kv
        .transact(|tx| {
            let (key, mut config) = code_signing::find(tx, &cx.caller, &input.code_signing_config_arn)?;
            if let Some(description) = &input.description {
                config.description.clone_from(description);
            }
            if let Some(publishers) = &input.allowed_publishers {
                config.publishers.clone_from(&publishers.signing_profile_version_arns);
            }
            if let Some(enforce) = code_signing::enforces(input.code_signing_policies.as_ref()) {
                config.enforce = enforce;
            }
            config.last_modified_us = now.as_micros();
            CODE_SIGNING_CONFIGS.put(tx, &key, &config)?;
            Ok::<_, AwsError>(config)
        })
        .await?;
    Ok(UpdateCodeSigningConfigOutput { code_signing_config: config.shown() })
}
