//! `DescribeImport`

use api_dynamodb::{DescribeImportInput, DescribeImportOutput};
use aws_wire::Result;

use crate::{Ctx, import};

pub(crate) async fn describe_import(cx: Ctx, input: DescribeImportInput) -> Result<DescribeImportOutput> {
    let (key, import) = import::find(&cx.kv.snapshot().await?, &cx.caller, &input.import_arn)?;
    Ok(DescribeImportOutput { import_table_description: import.describe(&key) })
}
