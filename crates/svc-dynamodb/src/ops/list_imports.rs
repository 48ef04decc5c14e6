//! `ListImports`: the newest first.

use api_dynamodb::{ListImportsInput, ListImportsOutput};
use aws_wire::Result;

use crate::keys::IMPORTS;
use crate::{Ctx, order};

pub(crate) async fn list_imports(cx: Ctx, input: ListImportsInput) -> Result<ListImportsOutput> {
    let place = (input.page_size, input.next_token.as_deref());
    let snapshot = cx.kv.snapshot().await?;
    let (found, next_token) =
        order::page(&IMPORTS, &snapshot, &cx.caller, input.table_arn.as_deref(), place)?;
    Ok(ListImportsOutput {
        next_token,
        import_summary_list: Some(found.iter().map(|(key, import)| import.summary(key)).collect()),
    })
}
