//! `DeleteLayerVersion`: nobody can attach it any more; functions that have it keep it.

use api_lambda::DeleteLayerVersionInput;
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::LAYER_VERSIONS;
use crate::layer::LayerVersionName;

pub(crate) async fn delete_layer_version(cx: Ctx, input: DeleteLayerVersionInput) -> Result<()> {
    let name = LayerVersionName::parse(&cx.caller, &input.layer_name, input.version_number)?;
    name.layer.check_owner(&cx.caller, "DeleteLayerVersion")?;
    // One that is not there is no error.
    cx.kv.transact(|tx| Ok::<_, AwsError>(LAYER_VERSIONS.delete(tx, &name.key())?)).await
}
