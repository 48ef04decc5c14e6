//! `DeleteBackup`

use api_dynamodb::{BackupStatus, DeleteBackupInput, DeleteBackupOutput, errors};
use aws_wire::Result;
use kv::{Direction, Span};

use crate::keys::CLAIMS;
use crate::{Ctx, backup};

pub(crate) async fn delete_backup(cx: Ctx, input: DeleteBackupInput) -> Result<DeleteBackupOutput> {
    let mut description = cx
        .kv
        .transact(|tx| {
            let (key, backup) = backup::find(tx, &cx.caller, &input.backup_arn)?;
            let claims = CLAIMS.scan(tx, &Span::prefix(&(backup.id,)), 1, Direction::Forward)?;
            if !backup.complete || !claims.is_empty() {
                let doing = if backup.complete { "restored from" } else { "created" };
                return Err(errors::backup_in_use_exception(format!(
                    "Backup is being {doing}: {}",
                    input.backup_arn
                )));
            }
            backup::delete(tx, &key, &backup)?;
            Ok(backup.describe(&key))
        })
        .await?;
    if let Some(details) = &mut description.backup_details {
        details.backup_status = BackupStatus::Deleted;
    }
    Ok(DeleteBackupOutput { backup_description: Some(description) })
}
