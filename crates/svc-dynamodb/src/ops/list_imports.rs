//! `ListImports`: the newest first.

use api_dynamodb::{ListImportsInput, ListImportsOutput};
use aws_wire::Result;

use crate::{Ctx, import};

const PAGE: usize = 25;

pub(crate) async fn list_imports(cx: Ctx, input: ListImportsInput) -> Result<ListImportsOutput> {
    let limit = input.page_size.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let (table, before) = (input.table_arn.as_deref(), input.next_token.as_deref());
    let mut found = import::list(&cx.kv.snapshot().await?, &cx.caller, table, limit + 1, before)?;
    let more = found.len() > limit;
    found.truncate(limit);
    Ok(ListImportsOutput {
        // The last one's place is where the next page begins.
        next_token: found.last().filter(|_| more).map(|(key, _)| key.2.clone()),
        import_summary_list: Some(found.iter().map(|(key, import)| import.summary(key)).collect()),
    })
}
