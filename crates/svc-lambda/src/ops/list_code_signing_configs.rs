//! `ListCodeSigningConfigs`: the region's configurations, page by page.

use api_lambda::{ListCodeSigningConfigsInput, ListCodeSigningConfigsOutput};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::CODE_SIGNING_CONFIGS;
use crate::page;

pub(crate) async fn list_code_signing_configs(
    cx: Ctx,
    input: ListCodeSigningConfigsInput,
) -> Result<ListCodeSigningConfigsOutput> {
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let limit = page::limit(input.max_items);
    let mut span = Span::prefix(&(account, region));
    if let Some(marker) = &input.marker {
        span = span.after(&(account, region, page::after(marker)?.as_str()));
    }
    let snapshot = cx.kv.snapshot().await?;
    let mut rows = CODE_SIGNING_CONFIGS.scan(&snapshot, &span, limit + 1, Direction::Forward)?;
    let next_marker = page::cut(&mut rows, limit).map(|(_, last)| page::marker(&last.id));
    let configs = rows.iter().map(|(_, config)| config.shown()).collect();
    Ok(ListCodeSigningConfigsOutput { code_signing_configs: Some(configs), next_marker })
}
