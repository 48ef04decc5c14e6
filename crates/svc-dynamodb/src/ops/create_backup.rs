//! `CreateBackup`: the table as it is now, copied while it goes on being written.

use api_dynamodb::{CreateBackupInput, CreateBackupOutput};
use aws_wire::Result;

use crate::{Ctx, backup, recovery, table};

pub(crate) async fn create_backup(cx: Ctx, input: CreateBackupInput) -> Result<CreateBackupOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    let (id, now) = (cx.env.uuid().into_bytes(), cx.env.now());
    let source = recovery::open(&cx.kv.snapshot().await?, &key)?.id;
    // Every change that is stored after the backup has begun has a number above this.
    let number = cx.state.sequences.next(&cx, source).await?;

    let (key, backup) = cx
        .kv
        .transact(|tx| {
            let table = recovery::open(tx, &key)?;
            backup::begin(tx, table, input.backup_name.clone(), (id, now, number))
        })
        .await?;

    Ok(CreateBackupOutput { backup_details: Some(backup.details(&key)) })
}
