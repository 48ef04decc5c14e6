//! `RestoreTableToPointInTime`: a new table, which is open once it has all that the other one had then.

use api_dynamodb::{RestoreTableToPointInTimeInput, RestoreTableToPointInTimeOutput, errors};
use aws_wire::{AwsError, Result};
use env::Timestamp;

use crate::history::{self, Task};
use crate::restore::{self, Overrides, Restored, Source};
use crate::table::{self, Sizes};
use crate::{Ctx, recovery};

pub(crate) async fn restore_table_to_point_in_time(
    cx: Ctx,
    input: RestoreTableToPointInTimeInput,
) -> Result<RestoreTableToPointInTimeOutput> {
    let key = table::key(&cx.caller, &input.target_table_name)?;
    let source = match (&input.source_table_arn, &input.source_table_name) {
        (Some(name), None) | (None, Some(name)) => table::key(&cx.caller, name)?,
        _ => {
            return Err(AwsError::validation(
                "Exactly one of SourceTableArn and SourceTableName must be specified",
            ));
        }
    };
    let at = asked(&input)?;
    let overrides = Overrides {
        billing: input.billing_mode_override,
        globals: input.global_secondary_index_override,
        locals: input.local_secondary_index_override,
        throughput: input.provisioned_throughput_override,
        on_demand: input.on_demand_throughput_override,
        encryption: input.sse_specification_override,
        vectors: input.vector_index_override,
    };
    overrides.refuse_unknown("RestoreTableToPointInTime")?;
    let (id, now) = (cx.env.uuid().into_bytes(), cx.env.now());
    let known = recovery::open(&cx.kv.snapshot().await?, &source)?.id;
    let latest = cx.state.sequences.next(&cx, known).await?;

    let table = cx
        .kv
        .transact(|tx| {
            let mut source = recovery::open(tx, &source)?;
            let recovery = recovery::of(&source)?;
            let number = match at {
                None => Some(latest),
                Some(at) => recovery::number_at(recovery, at, now, latest),
            };
            let number = number.ok_or_else(|| {
                errors::invalid_restore_time_exception(
                    "An invalid restore time was specified. RestoreDateTime must be between \
                     EarliestRestorableDateTime and LatestRestorableDateTime.",
                )
            })?;
            let mut table = overrides.apply(&source, &key, (id, now))?;
            table.restored = Some(Restored {
                backup_arn: None,
                table_arn: source.arn(),
                at_ms: at.unwrap_or(now).as_millis(),
                source: Some(Source::Past { table: source.id, number }),
            });
            restore::begin(tx, &table)?;
            history::claim(tx, &mut source, id, number, Task::Restore)?;
            Ok::<_, AwsError>(table)
        })
        .await?;

    let described = table::describe(&table, &Sizes::default());
    Ok(RestoreTableToPointInTimeOutput { table_description: Some(described) })
}

/// The moment that is asked for; none is the latest.
fn asked(input: &RestoreTableToPointInTimeInput) -> Result<Option<Timestamp>> {
    match (input.use_latest_restorable_time, input.restore_date_time) {
        (Some(true), None) => Ok(None),
        (None | Some(false), Some(at)) => Ok(Some(at)),
        (Some(true), Some(_)) => Err(AwsError::validation(
            "Both RestoreDateTime and UseLatestRestorableTime cannot be specified at the same time",
        )),
        (None | Some(false), None) => {
            Err(AwsError::validation("Either RestoreDateTime or UseLatestRestorableTime must be specified"))
        }
    }
}
