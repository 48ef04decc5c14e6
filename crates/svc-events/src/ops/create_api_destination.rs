//! `CreateApiDestination`

use api_events::{CreateApiDestinationInput, CreateApiDestinationOutput, errors};
use aws_wire::Result;
use kv::Span;

use crate::api_destination::{self, API_DESTINATIONS_MAX, ApiDestination};
use crate::connection;
use crate::keys::API_DESTINATIONS;
use crate::refusal::{no_connection, not_valid, too_many};
use crate::{Ctx, keys};

pub(crate) async fn create_api_destination(
    cx: Ctx,
    input: CreateApiDestinationInput,
) -> Result<CreateApiDestinationOutput> {
    if !api_destination::is_endpoint(&input.invocation_endpoint) {
        return Err(not_valid("InvocationEndpoint"));
    }
    let key = keys::own(&cx, &input.name);
    let now_ms = cx.env.now().as_millis();
    let destination = ApiDestination {
        id: cx.env.uuid().to_string(),
        description: input.description,
        connection: input.connection_arn,
        endpoint: input.invocation_endpoint,
        method: input.http_method.as_str().to_owned(),
        rate: input.invocation_rate_limit_per_second.and_then(|rate| rate.try_into().ok()),
        created_ms: now_ms,
        modified_ms: now_ms,
    };
    let state = cx
        .kv
        .transact(|tx| {
            if API_DESTINATIONS.get(tx, &key)?.is_some() {
                let message = format!("An api-destination '{}' already exists.", key.2);
                return Err(errors::resource_already_exists_exception(message));
            }
            if connection::by_arn(tx, &destination.connection)?.is_none() {
                return Err(no_connection(&destination.connection));
            }
            let all = API_DESTINATIONS.all(tx, &Span::prefix(&(key.0.as_str(), key.1.as_str())))?;
            if all.len() >= API_DESTINATIONS_MAX {
                return Err(too_many());
            }
            API_DESTINATIONS.put(tx, &key, &destination)?;
            destination.state(tx)
        })
        .await?;
    Ok(CreateApiDestinationOutput {
        api_destination_arn: Some(api_destination::arn(&key, &destination.id)),
        api_destination_state: Some(state),
        creation_time: destination.created(),
        last_modified_time: destination.modified(),
    })
}
