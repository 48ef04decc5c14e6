//! `DescribeBackup`

use api_dynamodb::{DescribeBackupInput, DescribeBackupOutput};
use aws_wire::Result;

use crate::{Ctx, backup};

pub(crate) async fn describe_backup(cx: Ctx, input: DescribeBackupInput) -> Result<DescribeBackupOutput> {
    let (key, backup) = backup::find(&cx.kv.snapshot().await?, &cx.caller, &input.backup_arn)?;
    Ok(DescribeBackupOutput { backup_description: Some(backup.describe(&key)) })
}
