//! `ListVersionsByFunction`: `$LATEST`, then the published versions by number, page by page.

use api_lambda::{ListVersionsByFunctionInput, ListVersionsByFunctionOutput, errors};
use aws_wire::Result;
use kv::Direction;

use crate::Ctx;
use crate::keys::{FUNCTIONS, VERSIONS};
use crate::name::LATEST;
use crate::page;
use crate::policy;
use crate::published::{number, of_function};
use crate::shown::Shown;

pub(crate) async fn list_versions_by_function(
    cx: Ctx,
    input: ListVersionsByFunctionInput,
) -> Result<ListVersionsByFunctionOutput> {
    let name = policy::named(&cx, "ListVersionsByFunction", &input.function_name, None).await?.latest()?;
    let marker = input.marker.as_deref().map(page::after).transpose()?;
    let snapshot = cx.kv.snapshot().await?;
    let function = FUNCTIONS.get(&snapshot, &name.key())?.ok_or_else(|| name.not_found())?;

    let mut versions = Vec::new();
    let mut span = of_function(&name.key());
    match marker.as_deref() {
        None => {
            let mut latest = Shown::from(&function).listed();
            latest.function_arn = Some(name.with_qualifier(LATEST).qualified_arn());
            versions.push((LATEST.to_owned(), latest));
        }
        Some(LATEST) => {}
        Some(last) => {
            let last =
                number(last).ok_or_else(|| errors::invalid_parameter_value_exception("Invalid marker"))?;
            let (account, region, function) = name.key();
            span = span.after(&(account, region, function, last));
        }
    }
    let limit = page::limit(input.max_items);
    for (_, published) in VERSIONS.scan(&snapshot, &span, limit + 1, Direction::Forward)? {
        versions.push((published.number.to_string(), Shown::published(&function, &published).listed()));
    }
    let next_marker = page::cut(&mut versions, limit).map(|(last, _)| page::marker(last));
    let versions = versions.into_iter().map(|(_, shown)| shown).collect();
    Ok(ListVersionsByFunctionOutput { versions: Some(versions), next_marker })
}
