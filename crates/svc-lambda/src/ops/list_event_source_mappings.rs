//! `ListEventSourceMappings`: the region's mappings, or those of one source or function, page by page.

use api_lambda::{ListEventSourceMappingsInput, ListEventSourceMappingsOutput};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::Ctx;
use crate::event_source_mapping::EventSourceMapping;
use crate::keys::EVENT_SOURCE_MAPPINGS;
use crate::name::FunctionName;
use crate::page;

/// AWS's own bound of this list.
const PAGE_MAX: usize = 100;
/// Mappings read at once.
const SCAN: usize = 1000;

pub(crate) async fn list_event_source_mappings(
    cx: Ctx,
    input: ListEventSourceMappingsInput,
) -> Result<ListEventSourceMappingsOutput> {
    let function = input.function_name.as_deref();
    let function = function.map(|name| FunctionName::parse(&cx.caller, name, None)).transpose()?;
    let wanted = |mapping: &EventSourceMapping| {
        let source = input.event_source_arn.as_ref();
        source.is_none_or(|arn| mapping.source.arn.as_ref() == Some(arn))
            && function.as_ref().is_none_or(|name| is_of(mapping, name))
    };
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let limit =
        input.max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(PAGE_MAX).min(PAGE_MAX);
    let mut span = Span::prefix(&(account, region));
    if let Some(marker) = &input.marker {
        span = span.after(&(account, region, page::after(marker)?.as_str()));
    }
    let snapshot = cx.kv.snapshot().await?;
    let mut rows = Vec::new();
    while rows.len() <= limit {
        let page = EVENT_SOURCE_MAPPINGS.scan(&snapshot, &span, SCAN, Direction::Forward)?;
        let Some((last, _)) = page.last() else { break };
        span = span.after(last);
        rows.extend(page.into_iter().map(|(_, mapping)| mapping).filter(wanted));
    }
    let next_marker = page::cut(&mut rows, limit).map(|last| page::marker(&last.uuid));
    let mappings = rows.iter().map(|mapping| cx.state.mappings.shown(mapping)).collect();
    Ok(ListEventSourceMappingsOutput { event_source_mappings: Some(mappings), next_marker })
}

/// Whether a mapping invokes this function; without a qualifier, whichever version or alias of it.
fn is_of(mapping: &EventSourceMapping, name: &FunctionName) -> bool {
    let arn = name.arn();
    match name.qualifier {
        Some(_) => mapping.function_arn == name.qualified_arn(),
        None => mapping
            .function_arn
            .strip_prefix(&arn)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':')),
    }
}
