//! `ListExports`: the newest first.

use api_dynamodb::{ListExportsInput, ListExportsOutput};
use aws_wire::Result;

use crate::keys::EXPORTS;
use crate::{Ctx, order};

pub(crate) async fn list_exports(cx: Ctx, input: ListExportsInput) -> Result<ListExportsOutput> {
    let place = (input.max_results, input.next_token.as_deref());
    let snapshot = cx.kv.snapshot().await?;
    let (found, next_token) =
        order::page(&EXPORTS, &snapshot, &cx.caller, input.table_arn.as_deref(), place)?;
    Ok(ListExportsOutput {
        next_token,
        export_summaries: Some(found.iter().map(|(key, export)| export.summary(key)).collect()),
    })
}
