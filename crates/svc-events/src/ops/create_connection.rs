//! `CreateConnection`: for OAuth, a token is asked for at once, so that wrong credentials show.

use api_events::{CreateConnectionInput, CreateConnectionOutput, errors};
use aws_wire::{AwsError, Result};

use crate::connection::{self, Authorization, CONNECTIONS_MAX, Connection, as_update};
use crate::keys::CONNECTIONS;
use crate::refusal::too_many;
use crate::{Ctx, keys, oauth};

pub(crate) async fn create_connection(
    cx: Ctx,
    input: CreateConnectionInput,
) -> Result<CreateConnectionOutput> {
    let given = as_update(input.auth_parameters);
    let is_private =
        input.invocation_connectivity_parameters.is_some() || given.connectivity_parameters.is_some();
    connection::check_served("CreateConnection", is_private, input.kms_key_identifier.as_deref())?;
    let key = keys::own(&cx, &input.name);
    let now_ms = cx.env.now().as_millis();
    let parameters = given.invocation_http_parameters.clone().map(Into::into).unwrap_or_default();
    let mut connection = Connection {
        id: cx.env.uuid().to_string(),
        description: input.description,
        kind: input.authorization_type.as_str().to_owned(),
        authorization: Some(Authorization::of(input.authorization_type, given, None)?),
        parameters,
        reason: None,
        created_ms: now_ms,
        modified_ms: now_ms,
        authorized_ms: None,
    };
    let taken = || errors::resource_already_exists_exception(format!("Connection {} already exists.", key.2));
    if CONNECTIONS.get(&cx.kv.snapshot().await?, &key)?.is_some() {
        return Err(taken());
    }
    oauth::authorize(&cx, &mut connection).await;
    cx.kv
        .transact(|tx| {
            if CONNECTIONS.get(tx, &key)?.is_some() {
                return Err(taken());
            }
            if connection::count(tx, &key)? >= CONNECTIONS_MAX {
                return Err(too_many());
            }
            CONNECTIONS.put(tx, &key, &connection)?;
            Ok::<_, AwsError>(())
        })
        .await?;
    Ok(CreateConnectionOutput {
        connection_arn: Some(connection::arn(&key, &connection.id)),
        connection_state: Some(connection.state()),
        creation_time: connection.created(),
        last_modified_time: connection.modified(),
    })
}
