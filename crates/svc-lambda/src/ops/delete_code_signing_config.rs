//! `DeleteCodeSigningConfig`: one that no function has.

use api_lambda::{DeleteCodeSigningConfigInput, DeleteCodeSigningConfigOutput, errors};
use aws_wire::{AwsError, Result};
use kv::Direction;

use crate::Ctx;
use crate::code_signing;
use crate::keys::{CODE_SIGNED_FUNCTIONS, CODE_SIGNING_CONFIGS};

pub(crate) async fn delete_code_signing_config(
    cx: Ctx,
    input: DeleteCodeSigningConfigInput,
) -> Result<DeleteCodeSigningConfigOutput> {
    cx.kv
        .transact(|tx| {
            let (key, config) = code_signing::find(tx, &cx.caller, &input.code_signing_config_arn)?;
            let functions = code_signing::functions(&key);
            if !CODE_SIGNED_FUNCTIONS.scan(tx, &functions, 1, Direction::Forward)?.is_empty() {
                return Err(errors::resource_conflict_exception(format!(
                    "The code signing configuration {} is attached to functions and can not be deleted.",
                    config.arn
                )));
            }
            Ok::<_, AwsError>(CODE_SIGNING_CONFIGS.delete(tx, &key)?)
        })
        .await?;
    Ok(DeleteCodeSigningConfigOutput {})
}
