//! `DeleteProvisionedConcurrencyConfig`: its environments end; where none is configured nothing changes.

use api_lambda::DeleteProvisionedConcurrencyConfigInput;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::PROVISIONED;
use crate::provisioned::{self, NOT_PUBLISHED};

pub(crate) async fn delete_provisioned_concurrency_config(
    cx: Ctx,
    input: DeleteProvisionedConcurrencyConfigInput,
) -> Result<()> {
    let name = provisioned::parse(&cx, &input.function_name, &input.qualifier, NOT_PUBLISHED)?;
    cx.kv
        .transact(|tx| {
            provisioned::find(tx, &name)?;
            Ok::<_, AwsError>(PROVISIONED.delete(tx, &provisioned::key(&name))?)
        })
        .await?;
    cx.state.provisioned.insert(name.key());
    Ok(())
}
