//! `ListFunctionEventInvokeConfigs`: what was set for a function's qualifiers, page by page.

use api_lambda::{ListFunctionEventInvokeConfigsInput, ListFunctionEventInvokeConfigsOutput};
use aws_wire::Result;
use kv::Direction;

use crate::Ctx;
use crate::asynchronous::config;
use crate::keys::{EVENT_INVOKE_CONFIGS, FUNCTIONS};
use crate::name::FunctionName;
use crate::page;
use crate::published::of_function;

pub(crate) async fn list_function_event_invoke_configs(
    cx: Ctx,
    input: ListFunctionEventInvokeConfigsInput,
) -> Result<ListFunctionEventInvokeConfigsOutput> {
    let name = FunctionName::parse_latest(&cx.caller, &input.function_name, None)?;
    let snapshot = cx.kv.snapshot().await?;
    FUNCTIONS.get(&snapshot, &name.key())?.ok_or_else(config::function_missing)?;
    let mut span = of_function(&name.key());
    if let Some(marker) = &input.marker {
        span = span.after(&config::key(&name.with_qualifier(&page::after(marker)?)));
    }
    let limit = page::limit(input.max_items);
    let mut rows = EVENT_INVOKE_CONFIGS.scan(&snapshot, &span, limit + 1, Direction::Forward)?;
    let next_marker = page::cut(&mut rows, limit).map(|(key, _)| page::marker(&key.3));
    let shown =
        rows.iter().map(|(key, stored)| stored.shown(config::shown_arn(&name.with_qualifier(&key.3))));
    Ok(ListFunctionEventInvokeConfigsOutput {
        function_event_invoke_configs: Some(shown.collect()),
        next_marker,
    })
}
