//! `PublishLayerVersion`: another numbered version of a layer, also of the same content.

use api_lambda::{
    GetLayerVersionResponse, LayerVersionContentInput, PublishLayerVersionInput, PublishLayerVersionOutput,
};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::function::FORMAT;
use crate::keys::{LAYER_VERSIONS, LAYERS};
use crate::layer::{Layer, LayerName, LayerVersion, LayerVersionName};
use crate::settings;
use crate::source::{Asked, Package, Source};

const OPERATION: &str = "PublishLayerVersion";

pub(crate) async fn publish_layer_version(
    cx: Ctx,
    input: PublishLayerVersionInput,
) -> Result<PublishLayerVersionOutput> {
    let layer = LayerName::parse(&cx.caller, &input.layer_name)?;
    layer.check_owner(&cx.caller, OPERATION)?;
    settings::check_compatible_runtimes(input.compatible_runtimes.as_deref().unwrap_or_default())?;
    let (code, _) = package(&cx, input.content)?.store(&cx, OPERATION).await?;
    let architectures = input.compatible_architectures.as_ref();
    let draft = LayerVersion {
        format: FORMAT,
        number: 0,
        code,
        description: input.description.unwrap_or_default(),
        created_us: cx.env.now().as_micros(),
        compatible_runtimes: input.compatible_runtimes,
        compatible_architectures: architectures
            .map(|list| list.iter().map(|architecture| architecture.as_str().to_owned()).collect()),
        license_info: input.license_info,
        policy: Vec::new(),
        revision_id: cx.env.uuid().to_string(),
    };
    let published = cx
        .kv
        .transact(|tx| {
            let before = Layer::find(tx, &layer)?.map_or(0, |layer| layer.last_version);
            let version = LayerVersion { number: before + 1, ..draft.clone() };
            LAYERS.put(tx, &layer.key(), &Layer { format: FORMAT, last_version: version.number })?;
            let name = LayerVersionName { layer: layer.clone(), number: version.number };
            LAYER_VERSIONS.put(tx, &name.key(), &version)?;
            Ok::<_, AwsError>(version)
        })
        .await?;
    Ok(answer(published.shown(&cx, &layer)))
}

fn package(cx: &Ctx, content: LayerVersionContentInput) -> Result<Package> {
    let source = Source {
        zip_file: content.zip_file,
        s3_bucket: content.s3_bucket,
        s3_key: content.s3_key,
        s3_object_version: content.s3_object_version,
        s3_object_storage_mode: content.s3_object_storage_mode,
    };
    source.check(cx, Asked { operation: OPERATION, within: "Content.", what: "layer content" })
}

/// The same members under another name.
fn answer(shown: GetLayerVersionResponse) -> PublishLayerVersionOutput {
    PublishLayerVersionOutput {
        content: shown.content,
        layer_arn: shown.layer_arn,
        layer_version_arn: shown.layer_version_arn,
        description: shown.description,
        created_date: shown.created_date,
        version: shown.version,
        compatible_architectures: shown.compatible_architectures,
        compatible_runtimes: shown.compatible_runtimes,
        license_info: shown.license_info,
    }
}
