//! `ListFunctionUrlConfigs`: the URLs of a function and its aliases, page by page.

use api_lambda::{ListFunctionUrlConfigsInput, ListFunctionUrlConfigsOutput};
use aws_wire::Result;
use kv::Direction;

use crate::Ctx;
use crate::keys::URLS;
use crate::name::FunctionName;
use crate::published::of_function;
use crate::{page, url};

pub(crate) async fn list_function_url_configs(
    cx: Ctx,
    input: ListFunctionUrlConfigsInput,
) -> Result<ListFunctionUrlConfigsOutput> {
    let name = FunctionName::parse(&cx.caller, &input.function_name, None)?;
    let snapshot = cx.kv.snapshot().await?;
    url::check_owner(&snapshot, &name)?;
    let mut span = of_function(&name.key());
    if let Some(marker) = &input.marker {
        span = span.after(&url::key(&name, &page::after(marker)?));
    }
    let limit = page::limit(input.max_items);
    let mut rows = URLS.scan(&snapshot, &span, limit + 1, Direction::Forward)?;
    let next_marker = page::cut(&mut rows, limit).map(|(last, _)| page::marker(&last.3));
    let function_url_configs = rows.iter().map(|(key, url)| url.shown(key, cx.state.port)).collect();
    Ok(ListFunctionUrlConfigsOutput { function_url_configs, next_marker })
}
