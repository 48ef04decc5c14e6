//! `RestoreTableFromBackup`: a new table, which is open once it has all of the backup.

use api_dynamodb::{RestoreTableFromBackupInput, RestoreTableFromBackupOutput, errors};
use aws_wire::Result;

use crate::history::{Claim, Task};
use crate::keys::CLAIMS;
use crate::restore::{self, Overrides, Restored, Source};
use crate::table::{self, Sizes};
use crate::{Ctx, backup};

pub(crate) async fn restore_table_from_backup(
    cx: Ctx,
    input: RestoreTableFromBackupInput,
) -> Result<RestoreTableFromBackupOutput> {
    let key = table::key(&cx.caller, &input.target_table_name)?;
    let overrides = Overrides {
        billing: input.billing_mode_override,
        globals: input.global_secondary_index_override,
        locals: input.local_secondary_index_override,
        throughput: input.provisioned_throughput_override,
        on_demand: input.on_demand_throughput_override,
        encryption: input.sse_specification_override,
        vectors: input.vector_index_override,
    };
    overrides.refuse_unknown("RestoreTableFromBackup")?;
    let (id, now) = (cx.env.uuid().into_bytes(), cx.env.now());

    let table = cx
        .kv
        .transact(|tx| {
            let (_, backup) = backup::find(tx, &cx.caller, &input.backup_arn)?;
            if !backup.complete {
                let message = format!("Backup is being created: {}", input.backup_arn);
                return Err(errors::backup_in_use_exception(message));
            }
            let mut table = overrides.apply(&backup.table, &key, (id, now))?;
            table.restored = Some(Restored {
                backup_arn: Some(input.backup_arn.clone()),
                table_arn: backup.table.arn(),
                at_ms: backup.created_ms,
                source: Some(Source::Backup(backup.id)),
            });
            restore::begin(tx, &table)?;
            let claim = Claim { number: u64::MAX, table: backup.table.key(), task: Task::Restore };
            CLAIMS.put(tx, &(backup.id, id), &claim)?;
            Ok(table)
        })
        .await?;

    let described = table::describe(&table, &Sizes::default());
    Ok(RestoreTableFromBackupOutput { table_description: Some(described) })
}
