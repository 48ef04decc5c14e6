//! `DescribeApiDestination`

use api_events::{DescribeApiDestinationInput, DescribeApiDestinationOutput};
use aws_wire::Result;

use crate::{Ctx, api_destination, keys};

pub(crate) async fn describe_api_destination(
    cx: Ctx,
    input: DescribeApiDestinationInput,
) -> Result<DescribeApiDestinationOutput> {
    let key = keys::own(&cx, &input.name);
    let snapshot = cx.kv.snapshot().await?;
    let destination = api_destination::find(&snapshot, &key)?;
    Ok(DescribeApiDestinationOutput {
        api_destination_arn: Some(api_destination::arn(&key, &destination.id)),
        name: Some(key.2),
        api_destination_state: Some(destination.state(&snapshot)?),
        invocation_rate_limit_per_second: destination.shown_rate(),
        creation_time: destination.created(),
        last_modified_time: destination.modified(),
        http_method: destination.method.parse().ok(),
        description: destination.description,
        connection_arn: Some(destination.connection),
        invocation_endpoint: Some(destination.endpoint),
    })
}
