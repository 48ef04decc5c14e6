//! `DescribeContinuousBackups`: how far back a table can be recovered.

use api_dynamodb::{DescribeContinuousBackupsInput, DescribeContinuousBackupsOutput};
use aws_wire::Result;

use crate::{Ctx, recovery, table};

pub(crate) async fn describe_continuous_backups(
    cx: Ctx,
    input: DescribeContinuousBackupsInput,
) -> Result<DescribeContinuousBackupsOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    let table = recovery::find(&cx.kv.snapshot().await?, &key)?;
    let described = recovery::describe(&table, cx.env.now());
    Ok(DescribeContinuousBackupsOutput { continuous_backups_description: Some(described) })
}
