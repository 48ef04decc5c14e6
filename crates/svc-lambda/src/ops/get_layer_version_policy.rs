//! `GetLayerVersionPolicy`: who else may use a version of a layer.

use api_lambda::{GetLayerVersionPolicyInput, GetLayerVersionPolicyOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::keys::LAYER_VERSIONS;
use crate::layer::LayerVersionName;
use crate::layer_policy::{document, missing};

pub(crate) async fn get_layer_version_policy(
    cx: Ctx,
    input: GetLayerVersionPolicyInput,
) -> Result<GetLayerVersionPolicyOutput> {
    let name = LayerVersionName::parse(&cx.caller, &input.layer_name, input.version_number)?;
    name.layer.check_owner(&cx.caller, "GetLayerVersionPolicy")?;
    let version = LAYER_VERSIONS.get(&cx.kv.snapshot().await?, &name.key())?.ok_or_else(|| missing(&name))?;
    if version.policy.is_empty() {
        return Err(errors::resource_not_found_exception("No policy is associated with the given resource."));
    }
    Ok(GetLayerVersionPolicyOutput {
        policy: Some(document(&version.policy, &name).to_string()),
        revision_id: Some(version.revision_id),
    })
}
