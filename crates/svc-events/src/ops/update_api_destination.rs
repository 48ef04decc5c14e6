//! `UpdateApiDestination`: what it does not say stays.

use api_events::{UpdateApiDestinationInput, UpdateApiDestinationOutput};
use aws_wire::{AwsError, Result};

use crate::keys::API_DESTINATIONS;
use crate::refusal::{no_connection, not_valid};
use crate::{Ctx, api_destination, connection, keys};

pub(crate) async fn update_api_destination(
    cx: Ctx,
    input: UpdateApiDestinationInput,
) -> Result<UpdateApiDestinationOutput> {
    if input.invocation_endpoint.as_deref().is_some_and(|endpoint| !api_destination::is_endpoint(endpoint)) {
        return Err(not_valid("InvocationEndpoint"));
    }
    let key = keys::own(&cx, &input.name);
    let now_ms = cx.env.now().as_millis();
    let (destination, state) = cx
        .kv
        .transact(|tx| {
            let mut destination = api_destination::find(tx, &key)?;
            if let Some(arn) = &input.connection_arn {
                connection::by_arn(tx, arn)?.ok_or_else(|| no_connection(arn))?;
                destination.connection.clone_from(arn);
            }
            if let Some(description) = &input.description {
                destination.description = Some(description.clone());
            }
            if let Some(endpoint) = &input.invocation_endpoint {
                destination.endpoint.clone_from(endpoint);
            }
            if let Some(method) = input.http_method {
                destination.method = method.as_str().to_owned();
            }
            if let Some(rate) = input.invocation_rate_limit_per_second {
                destination.rate = rate.try_into().ok();
            }
            destination.modified_ms = now_ms;
            API_DESTINATIONS.put(tx, &key, &destination)?;
            let state = destination.state(tx)?;
            Ok::<_, AwsError>((destination, state))
        })
        .await?;
    Ok(UpdateApiDestinationOutput {
        api_destination_arn: Some(api_destination::arn(&key, &destination.id)),
        api_destination_state: Some(state),
        creation_time: destination.created(),
        last_modified_time: destination.modified(),
    })
}
