//! `UpdateContinuousBackups`: from now on a table can be recovered, or no longer.

use api_dynamodb::{UpdateContinuousBackupsInput, UpdateContinuousBackupsOutput, errors};
use aws_wire::{AwsError, Result};
use kv::{Direction, Span};

use crate::Ctx;
use crate::keys::{CLAIMS, TABLES};
use crate::recovery::{self, DAYS, Recovery};
use crate::table::{self, Status};

pub(crate) async fn update_continuous_backups(
    cx: Ctx,
    input: UpdateContinuousBackupsInput,
) -> Result<UpdateContinuousBackupsOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    let wanted = input.point_in_time_recovery_specification;
    let (enabled, days) = (wanted.point_in_time_recovery_enabled, wanted.recovery_period_in_days);
    if !enabled && days.is_some() {
        return Err(AwsError::validation(
            "RecoveryPeriodInDays cannot be specified when PointInTimeRecoveryEnabled is false",
        ));
    }
    let known = recovery::find(&cx.kv.snapshot().await?, &key)?.id;
    let (number, now_us) = (cx.state.sequences.next(&cx, known).await?, cx.env.now().as_micros());

    let table = cx
        .kv
        .transact(|tx| {
            let mut table = recovery::find(tx, &key)?;
            if table.status == Status::Creating {
                // What fills a new table is not noted.
                return Err(errors::continuous_backups_unavailable_exception(format!(
                    "Backups are being enabled for the table: {}. Please retry later",
                    table.name
                )));
            }
            table.recovery = match (enabled, table.recovery.take()) {
                (false, _) => None,
                // A longer period begins with what is still there; nothing that is gone comes back.
                (true, Some(known)) => {
                    Some(Recovery { since_us: known.earliest_us(now_us), days: days.unwrap_or(known.days) })
                }
                (true, None) => Some(Recovery {
                    since_us: i64::try_from(number).unwrap_or(i64::MAX),
                    days: days.unwrap_or(DAYS),
                }),
            };
            let claims = CLAIMS.scan(tx, &Span::prefix(&(table.id,)), 1, Direction::Forward)?;
            table.keeps_past = enabled || !claims.is_empty();
            // Whoever is writing by the record of before begins anew.
            table.version += 1;
            TABLES.put(tx, &key, &table)?;
            Ok::<_, AwsError>(table)
        })
        .await?;

    let described = recovery::describe(&table, cx.env.now());
    Ok(UpdateContinuousBackupsOutput { continuous_backups_description: Some(described) })
}
