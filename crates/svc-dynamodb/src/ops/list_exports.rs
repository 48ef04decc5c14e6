//! `ListExports`: the newest first.

use api_dynamodb::{ListExportsInput, ListExportsOutput};
use aws_wire::Result;

use crate::{Ctx, export};

const PAGE: usize = 25;

pub(crate) async fn list_exports(cx: Ctx, input: ListExportsInput) -> Result<ListExportsOutput> {
    let limit = input.max_results.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let (table, before) = (input.table_arn.as_deref(), input.next_token.as_deref());
    let mut found = export::list(&cx.kv.snapshot().await?, &cx.caller, table, limit + 1, before)?;
    let more = found.len() > limit;
    found.truncate(limit);
    Ok(ListExportsOutput {
        // The last one's place is where the next page begins.
        next_token: found.last().filter(|_| more).map(|(key, _)| key.2.clone()),
        export_summaries: Some(found.iter().map(|(key, export)| export.summary(key)).collect()),
    })
}
