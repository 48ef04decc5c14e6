//! `DescribeEventBus`

use api_events::{DescribeEventBusInput, DescribeEventBusOutput};
use aws_wire::Result;

use crate::{Ctx, bus};

pub(crate) async fn describe_event_bus(
    cx: Ctx,
    input: DescribeEventBusInput,
) -> Result<DescribeEventBusOutput> {
    let snapshot = cx.kv.snapshot().await?;
    let (key, bus) = bus::own(&cx, &snapshot, input.name.as_deref(), "DescribeEventBus")?;
    Ok(DescribeEventBusOutput {
        arn: Some(bus::arn(&key)),
        name: Some(key.2),
        policy: bus.shown_policy(),
        creation_time: bus.created(),
        last_modified_time: bus.modified(),
        dead_letter_config: bus.dead_letter_config(),
        description: bus.description,
        kms_key_identifier: None,
        log_config: None,
        managed_by: None,
    })
}
