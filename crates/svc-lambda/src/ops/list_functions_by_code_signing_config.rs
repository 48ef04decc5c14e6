//! `ListFunctionsByCodeSigningConfig`: the functions that have a configuration, page by page.

use api_lambda::{ListFunctionsByCodeSigningConfigInput, ListFunctionsByCodeSigningConfigOutput};
use aws_wire::Result;
use kv::Direction;

use crate::Ctx;
use crate::code_signing;
use crate::keys::CODE_SIGNED_FUNCTIONS;
use crate::page;

pub(crate) async fn list_functions_by_code_signing_config(
    cx: Ctx,
    input: ListFunctionsByCodeSigningConfigInput,
) -> Result<ListFunctionsByCodeSigningConfigOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (key, _) = code_signing::find(&snapshot, &cx.caller, &input.code_signing_config_arn)?;
    let limit = page::limit(input.max_items);
    let mut span = code_signing::functions(&key);
    if let Some(marker) = &input.marker {
        let (account, region, id) = key;
        span = span.after(&(account, region, id, page::after(marker)?));
    }
    let mut rows = CODE_SIGNED_FUNCTIONS.scan(&snapshot, &span, limit + 1, Direction::Forward)?;
    let next_marker = page::cut(&mut rows, limit).map(|((.., name), ())| page::marker(name));
    let arns = rows.iter().map(|((.., name), ())| cx.caller.arn("lambda", &format!("function:{name}")));
    Ok(ListFunctionsByCodeSigningConfigOutput { function_arns: Some(arns.collect()), next_marker })
}
