//! `GetLayerVersionByArn`: as `GetLayerVersion`, by one ARN.

use api_lambda::{GetLayerVersionByArnInput, GetLayerVersionResponse};
use aws_wire::Result;

use super::get_layer_version::show;
use crate::Ctx;
use crate::layer::LayerVersionName;

pub(crate) async fn get_layer_version_by_arn(
    cx: Ctx,
    input: GetLayerVersionByArnInput,
) -> Result<GetLayerVersionResponse> {
    let name = LayerVersionName::parse_arn(&cx.caller, &input.arn)?;
    show(&cx, &name).await
}
