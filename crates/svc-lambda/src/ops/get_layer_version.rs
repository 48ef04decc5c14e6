//! `GetLayerVersion`: one version of a layer, and where its content can be had.

use api_lambda::{GetLayerVersionInput, GetLayerVersionResponse};
use aws_wire::Result;

use crate::Ctx;
use crate::layer::LayerVersionName;

pub(crate) async fn get_layer_version(
    cx: Ctx,
    input: GetLayerVersionInput,
) -> Result<GetLayerVersionResponse> {
    let name = LayerVersionName::parse(&cx.caller, &input.layer_name, input.version_number)?;
    show(&cx, &name).await
}

/// # Errors
/// 404 without the version, 403 when the caller may not have it.
pub(super) async fn show(cx: &Ctx, name: &LayerVersionName) -> Result<GetLayerVersionResponse> {
    let version = name.get(&cx.kv.snapshot().await?, &cx.caller)?;
    Ok(version.shown(cx, &name.layer))
}
