//! `ListFunctions`: the region's functions by name, page by page.

use api_lambda::{FunctionVersion, ListFunctionsInput, ListFunctionsOutput, errors};
use aws_wire::{AwsError, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::FUNCTIONS;

/// AWS's own bound; the model allows for 10,000.
const PAGE_MAX: usize = 50;

pub(crate) async fn list_functions(cx: Ctx, input: ListFunctionsInput) -> Result<ListFunctionsOutput> {
    if input.master_region.is_some() {
        return Err(AwsError::parameter_not_implemented("ListFunctions", "MasterRegion"));
    }
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let mut span = Span::prefix(&(account, region));
    if let Some(marker) = &input.marker {
        let name = BASE64.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let name = name.ok_or_else(|| errors::invalid_parameter_value_exception("Invalid marker"))?;
        span = span.after(&(account, region, name.as_str()));
    }
    let limit =
        input.max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
    let snapshot = cx.kv.snapshot().await?;
    let mut page = FUNCTIONS.scan(&snapshot, &span, limit + 1, Direction::Forward)?;
    let more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().filter(|_| more).map(|((.., name), _)| BASE64.encode(name));
    let functions = page.into_iter().map(|(_, function)| {
        let mut shown = function.listed();
        if input.function_version == Some(FunctionVersion::All) {
            shown.function_arn = Some(format!("{}:$LATEST", function.arn));
        }
        shown
    });
    Ok(ListFunctionsOutput { functions: Some(functions.collect()), next_marker: last })
}
