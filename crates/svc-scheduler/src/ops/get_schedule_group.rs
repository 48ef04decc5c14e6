//! `GetScheduleGroup`

use api_scheduler::{GetScheduleGroupInput, GetScheduleGroupOutput};
use aws_wire::Result;

use crate::{Ctx, group};

pub(crate) async fn get_schedule_group(
    cx: Ctx,
    input: GetScheduleGroupInput,
) -> Result<GetScheduleGroupOutput> {
    let key = group::key(&cx, &input.name);
    let group = group::find(&cx.kv.snapshot().await?, &key)?;
    Ok(GetScheduleGroupOutput {
        arn: Some(group::arn(&key)),
        name: Some(key.2),
        state: Some(group.state()),
        creation_date: group.created(),
        last_modification_date: group.modified(),
    })
}
