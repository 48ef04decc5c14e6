//! `ListLayers`: the region's layers by name, each with its latest version that fits, page by page.

use api_lambda::{LayersListItem, ListLayersInput, ListLayersOutput};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::LAYERS;
use crate::layer::{Filter, LayerName};
use crate::page;

/// Layers read at once; those without a version that fits are passed over.
const PAGE: usize = 100;

pub(crate) async fn list_layers(cx: Ctx, input: ListLayersInput) -> Result<ListLayersOutput> {
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let filter = Filter {
        runtime: input.compatible_runtime,
        architecture: input.compatible_architecture.map(|architecture| architecture.as_str().to_owned()),
    };
    let limit = page::limit(input.max_items);
    let mut span = Span::prefix(&(account, region));
    if let Some(marker) = &input.marker {
        span = span.after(&(account, region, page::after(marker)?.as_str()));
    }
    let snapshot = cx.kv.snapshot().await?;
    let mut rows = Vec::new();
    while rows.len() <= limit {
        let page = LAYERS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let Some((last, _)) = page.last() else { break };
        span = span.after(last);
        for (key, _) in page {
            let layer = LayerName::of_key(key);
            let latest = filter.newest(&snapshot, &layer, None, 1)?.pop();
            rows.extend(latest.map(|latest| (layer.name().to_owned(), item(&layer, latest.listed(&layer)))));
        }
    }
    let next_marker = page::cut(&mut rows, limit).map(|(last, _)| page::marker(last));
    let layers = rows.into_iter().map(|(_, item)| item).collect();
    Ok(ListLayersOutput { layers: Some(layers), next_marker })
}

fn item(layer: &LayerName, latest: api_lambda::LayerVersionsListItem) -> LayersListItem {
    LayersListItem {
        layer_name: Some(layer.name().to_owned()),
        layer_arn: Some(layer.arn()),
        latest_matching_version: Some(latest),
    }
}
