//! `DescribeTimeToLive`

use api_dynamodb::{
    DescribeTimeToLiveInput, DescribeTimeToLiveOutput, TimeToLiveDescription, TimeToLiveStatus,
};
use aws_wire::Result;

use crate::Ctx;
use crate::table::{self, Status};

pub(crate) async fn describe_time_to_live(
    cx: Ctx,
    input: DescribeTimeToLiveInput,
) -> Result<DescribeTimeToLiveOutput> {
    let table = table::find(&cx.kv.snapshot().await?, &table::key(&cx.caller, &input.table_name)?)?;
    let index = table.indexes.iter().find(|index| index.expiry).map(|index| index.status);
    let status = match index {
        Some(Status::Creating) => TimeToLiveStatus::Enabling,
        Some(Status::Deleting) => TimeToLiveStatus::Disabling,
        Some(Status::Active | Status::Updating) => TimeToLiveStatus::Enabled,
        None => TimeToLiveStatus::Disabled,
    };
    let attribute = table.time_to_live.filter(|_| index.is_some()).map(|setting| setting.attribute);
    Ok(DescribeTimeToLiveOutput {
        time_to_live_description: Some(TimeToLiveDescription {
            time_to_live_status: Some(status),
            attribute_name: attribute,
        }),
    })
}
