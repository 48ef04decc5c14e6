//! `DescribeContinuousBackups`: there are none.

use api_dynamodb::{
    ContinuousBackupsDescription, ContinuousBackupsStatus, DescribeContinuousBackupsInput,
    DescribeContinuousBackupsOutput, PointInTimeRecoveryDescription, PointInTimeRecoveryStatus, errors,
};
use aws_wire::Result;

use crate::Ctx;
use crate::keys::TABLES;
use crate::table;

pub(crate) async fn describe_continuous_backups(
    cx: Ctx,
    input: DescribeContinuousBackupsInput,
) -> Result<DescribeContinuousBackupsOutput> {
    let key = table::key(&cx.caller, &input.table_name)?;
    if TABLES.get(&cx.kv.snapshot().await?, &key)?.is_none() {
        return Err(errors::table_not_found_exception(format!("Table not found: {}", key.2)));
    }
    Ok(DescribeContinuousBackupsOutput {
        continuous_backups_description: Some(ContinuousBackupsDescription {
            continuous_backups_status: ContinuousBackupsStatus::Disabled,
            point_in_time_recovery_description: Some(PointInTimeRecoveryDescription {
                point_in_time_recovery_status: Some(PointInTimeRecoveryStatus::Disabled),
                ..PointInTimeRecoveryDescription::default()
            }),
        }),
    })
}
