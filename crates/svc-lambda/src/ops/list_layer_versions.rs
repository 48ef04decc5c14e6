//! `ListLayerVersions`: a layer's versions that fit, newest first, page by page. A layer that is not there has none.

use api_lambda::{ListLayerVersionsInput, ListLayerVersionsOutput, errors};
use aws_wire::Result;

use crate::Ctx;
use crate::layer::{Filter, LayerName};
use crate::page;

pub(crate) async fn list_layer_versions(
    cx: Ctx,
    input: ListLayerVersionsInput,
) -> Result<ListLayerVersionsOutput> {
    let layer = LayerName::parse(&cx.caller, &input.layer_name)?;
    layer.check_owner(&cx.caller, "ListLayerVersions")?;
    let filter = Filter {
        runtime: input.compatible_runtime,
        architecture: input.compatible_architecture.map(|architecture| architecture.as_str().to_owned()),
    };
    let before = input.marker.as_deref().map(below).transpose()?;
    let limit = page::limit(input.max_items);
    let mut versions = filter.newest(&cx.kv.snapshot().await?, &layer, before, limit + 1)?;
    let next_marker = page::cut(&mut versions, limit).map(|last| page::marker(last.number.to_string()));
    let versions = versions.iter().map(|version| version.listed(&layer)).collect();
    Ok(ListLayerVersionsOutput { layer_versions: Some(versions), next_marker })
}

/// The number that a page ended with.
fn below(marker: &str) -> Result<u64> {
    let number = page::after(marker)?.parse();
    number.map_err(|_| errors::invalid_parameter_value_exception("Invalid marker"))
}
