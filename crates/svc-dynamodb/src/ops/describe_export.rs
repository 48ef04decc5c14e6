//! `DescribeExport`

use api_dynamodb::{DescribeExportInput, DescribeExportOutput};
use aws_wire::Result;

use crate::{Ctx, export};

pub(crate) async fn describe_export(cx: Ctx, input: DescribeExportInput) -> Result<DescribeExportOutput> {
    let (key, export) = export::find(&cx.kv.snapshot().await?, &cx.caller, &input.export_arn)?;
    Ok(DescribeExportOutput { export_description: Some(export.describe(&key)) })
}
