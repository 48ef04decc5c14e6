//! `RemoveLayerVersionPermission`: takes a grant back. Functions that have the layer keep it.

use api_lambda::{RemoveLayerVersionPermissionInput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::layer::LayerVersionName;
use crate::layer_policy;

pub(crate) async fn remove_layer_version_permission(
    cx: Ctx,
    input: RemoveLayerVersionPermissionInput,
) -> Result<()> {
    let name = LayerVersionName::parse(&cx.caller, &input.layer_name, input.version_number)?;
    name.layer.check_owner(&cx.caller, "RemoveLayerVersionPermission")?;
    let changed = layer_policy::change(&cx, &name, input.revision_id.as_deref(), |statements| {
        let before = statements.len();
        statements.retain(|statement| statement.id != input.statement_id);
        if statements.len() == before {
            return Err(errors::resource_not_found_exception(format!(
                "Statement {} is not found in resource policy.",
                input.statement_id
            )));
        }
        Ok(())
    });
    changed.await.map(drop)
}
