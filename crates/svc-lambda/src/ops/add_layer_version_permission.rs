//! `AddLayerVersionPermission`: lets another account, or everybody, use a version of a layer.

use api_lambda::{AddLayerVersionPermissionInput, AddLayerVersionPermissionOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::layer::LayerVersionName;
use crate::layer_policy::{self, Statement};

pub(crate) async fn add_layer_version_permission(
    cx: Ctx,
    input: AddLayerVersionPermissionInput,
) -> Result<AddLayerVersionPermissionOutput> {
    let name = LayerVersionName::parse(&cx.caller, &input.layer_name, input.version_number)?;
    name.layer.check_owner(&cx.caller, "AddLayerVersionPermission")?;
    let statement = Statement {
        id: input.statement_id,
        principal: input.principal,
        organization_id: input.organization_id,
    };
    let changed = layer_policy::change(&cx, &name, input.revision_id.as_deref(), |statements| {
        if statements.iter().any(|other| other.id == statement.id) {
            return Err(errors::resource_conflict_exception(format!(
                "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing \
                 statement.",
                statement.id
            )));
        }
        statements.push(statement.clone());
        Ok(())
    });
    let revision_id = changed.await?;
    Ok(AddLayerVersionPermissionOutput {
        statement: Some(statement.shown(&name).to_string()),
        revision_id: Some(revision_id),
    })
}
