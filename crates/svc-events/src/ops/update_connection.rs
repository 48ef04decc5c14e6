//! `UpdateConnection`: what it does not say stays.

use api_events::{UpdateConnectionInput, UpdateConnectionOutput};
use aws_wire::{AwsError, Result};

use crate::connection::{self, Authorization};
use crate::keys::CONNECTIONS;
use crate::{Ctx, keys, oauth};

pub(crate) async fn update_connection(
    cx: Ctx,
    input: UpdateConnectionInput,
) -> Result<UpdateConnectionOutput> {
    let given = input.auth_parameters;
    let is_private = input.invocation_connectivity_parameters.is_some()
        || given.as_ref().is_some_and(|given| given.connectivity_parameters.is_some());
    connection::check_served("UpdateConnection", is_private, input.kms_key_identifier.as_deref())?;
    let key = keys::own(&cx, &input.name);
    let old = connection::find(&cx.kv.snapshot().await?, &key)?;
    let mut connection = old.clone();
    if let Some(description) = input.description {
        connection.description = Some(description);
    }
    let kind = input.authorization_type.or_else(|| old.kind());
    if let Some(kind) = kind.filter(|_| given.is_some() || input.authorization_type.is_some()) {
        let given = given.unwrap_or_default();
        if let Some(parameters) = given.invocation_http_parameters.clone() {
            connection.parameters = parameters.into();
        }
        connection.authorization = Some(Authorization::of(kind, given, old.authorization.as_ref())?);
        connection.kind = kind.as_str().to_owned();
        oauth::authorize(&cx, &mut connection).await;
    }
    connection.modified_ms = cx.env.now().as_millis();
    cx.kv
        .transact(|tx| {
            if connection::find(tx, &key)? != old {
                return Err(api_events::errors::concurrent_modification_exception(format!(
                    "Connection {} is being modified.",
                    key.2
                )));
            }
            CONNECTIONS.put(tx, &key, &connection)?;
            Ok::<_, AwsError>(())
        })
        .await?;
    Ok(UpdateConnectionOutput {
        connection_arn: Some(connection::arn(&key, &connection.id)),
        connection_state: Some(connection.state()),
        creation_time: connection.created(),
        last_modified_time: connection.modified(),
        last_authorized_time: connection.authorized(),
    })
}
