//! `ListFunctions`: the region's functions by name, page by page.

use api_lambda::{FunctionVersion, ListFunctionsInput, ListFunctionsOutput, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{FUNCTIONS, VERSIONS};
use crate::page;
use crate::published::of_function;
use crate::shown::Shown;

pub(crate) async fn list_functions(cx: Ctx, input: ListFunctionsInput) -> Result<ListFunctionsOutput> {
    if input.master_region.is_some() {
        return Err(AwsError::parameter_not_implemented("ListFunctions", "MasterRegion"));
    }
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let limit = page::limit(input.max_items);
    let (after, after_version) = match &input.marker {
        Some(marker) => position(&page::after(marker)?)?,
        None => (String::new(), None),
    };
    let all = input.function_version == Some(FunctionVersion::All);
    let mut span = Span::prefix(&(account, region));
    if input.marker.is_some() {
        // A page that ended among a function's versions goes on there.
        let last = (account, region, after.as_str());
        span = if after_version.is_some() { span.from(&last) } else { span.after(&last) };
    }
    let snapshot = cx.kv.snapshot().await?;
    let mut rows = Vec::new();
    for (key, function) in FUNCTIONS.scan(&snapshot, &span, limit + 1, Direction::Forward)? {
        let goes_on = after_version.filter(|_| key.2 == after);
        let mut latest = Shown::from(&function).listed();
        if all {
            latest.function_arn = Some(format!("{}:$LATEST", function.arn));
        }
        if goes_on.is_none() {
            rows.push((format!("{}:{}", function.name, if all { "0" } else { "" }), latest));
        }
        if all {
            let (account, region, name) = key.clone();
            let versions = of_function(&key).after(&(account, region, name, goes_on.unwrap_or(0)));
            for (_, published) in VERSIONS.scan(&snapshot, &versions, limit + 1, Direction::Forward)? {
                let shown = Shown::published(&function, &published).listed();
                rows.push((format!("{}:{}", function.name, published.number), shown));
            }
        }
        if rows.len() > limit {
            break;
        }
    }
    let next_marker = page::cut(&mut rows, limit).map(|(last, _)| page::marker(last));
    let functions = rows.into_iter().map(|(_, shown)| shown).collect();
    Ok(ListFunctionsOutput { functions: Some(functions), next_marker })
}

/// Where a page ended: at a function as a whole, or at one of its versions, of which `$LATEST` counts as 0.
fn position(marker: &str) -> Result<(String, Option<u64>)> {
    let invalid = || errors::invalid_parameter_value_exception("Invalid marker");
    let (name, version) = marker.split_once(':').ok_or_else(invalid)?;
    let version = if version.is_empty() { None } else { Some(version.parse().map_err(|_| invalid())?) };
    Ok((name.to_owned(), version))
}
