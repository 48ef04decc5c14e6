//! `DeleteTable`: the table goes, its rows are cleared away after.

use api_dynamodb::{DeleteTableInput, DeleteTableOutput, errors};
use aws_wire::{AwsError, Result};

use crate::Ctx;
use crate::keys::{PENDING, TABLES};
use crate::table::{self, Sizes, Status};

pub(crate) async fn delete_table(cx: Ctx, input: DeleteTableInput) -> Result<DeleteTableOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    let table = cx
        .kv
        .transact(|tx| {
            let mut table = table::find(tx, &key)?;
            if table.deletion_protection {
                return Err(AwsError::validation(format!(
                    "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first. Table: {}",
                    table.arn()
                )));
            }
            let doing = match table.status {
                Status::Active => None,
                Status::Creating => Some("created"),
                Status::Updating => Some("updated"),
                Status::Deleting => Some("deleted"),
            };
            if let Some(doing) = doing {
                return Err(errors::resource_in_use_exception(format!(
                    "Attempt to change a resource which is still in use: Table is being {doing}: {}",
                    table.name
                )));
            }
            table.status = Status::Deleting;
            table.version += 1;
            TABLES.put(tx, &key, &table)?;
            PENDING.put(tx, &key, &())?;
            Ok(table)
        })
        .await?;
    Ok(DeleteTableOutput { table_description: Some(table::describe(&table, &Sizes::default())) })
}
