//! `ListBackups`

use api_dynamodb::{BackupType, BackupTypeFilter, ListBackupsInput, ListBackupsOutput};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::backup::{self, BackupRecord};
use crate::keys::BACKUPS;
use crate::{Ctx, table};

const PAGE: usize = 100;

pub(crate) async fn list_backups(cx: Ctx, input: ListBackupsInput) -> Result<ListBackupsOutput> {
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE);
    let name = input.table_name.as_ref().map(|name| table::key(&cx.caller, name)).transpose()?;
    let mut span = Span::prefix(&(&*cx.caller.account, &*cx.caller.region));
    if let Some(start) = &input.exclusive_start_backup_arn {
        let (key, _) = backup::parse(&cx.caller, start, "backup").ok_or_else(|| {
            AwsError::validation(format!("Invalid ExclusiveStartBackupArn provided as input {start}"))
        })?;
        span = span.after(&key);
    }
    // From the lower bound on, but before the upper one.
    let wanted = |backup: &BackupRecord| {
        let of_type = match input.backup_type {
            None | Some(BackupTypeFilter::All) => true,
            Some(BackupTypeFilter::User) => backup.backup_type() == BackupType::User,
            Some(BackupTypeFilter::System) => backup.backup_type() == BackupType::System,
            Some(BackupTypeFilter::AwsBackup) => false,
        };
        of_type
            && name.as_ref().is_none_or(|key| key.2 == backup.table.name)
            && input.time_range_lower_bound.is_none_or(|at| backup.created_ms >= at.as_millis())
            && input.time_range_upper_bound.is_none_or(|at| backup.created_ms < at.as_millis())
    };
    let snapshot = cx.kv.snapshot().await?;
    let mut found = Vec::new();
    loop {
        let rows = BACKUPS.scan(&snapshot, &span, PAGE, Direction::Forward)?;
        let next = rows.last().filter(|_| rows.len() == PAGE).map(|(key, _)| key.clone());
        found.extend(rows.into_iter().filter(|(_, backup)| wanted(backup)));
        match next {
            Some(last) if found.len() <= limit => span = span.after(&last),
            _ => break,
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    Ok(ListBackupsOutput {
        last_evaluated_backup_arn: found.last().filter(|_| more).map(|(key, backup)| backup.arn(key)),
        backup_summaries: Some(found.iter().map(|(key, backup)| backup.summary(key)).collect()),
    })
}
