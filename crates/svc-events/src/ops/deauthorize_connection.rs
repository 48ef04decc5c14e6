//! `DeauthorizeConnection`: forgets the secrets; an update brings new ones.

use api_events::{DeauthorizeConnectionInput, DeauthorizeConnectionOutput};
use aws_wire::{AwsError, Result};

use crate::connection;
use crate::keys::CONNECTIONS;
use crate::{Ctx, keys, oauth};

pub(crate) async fn deauthorize_connection(
    cx: Ctx,
    input: DeauthorizeConnectionInput,
) -> Result<DeauthorizeConnectionOutput> {
    let key = keys::own(&cx, &input.name);
    let now_ms = cx.env.now().as_millis();
    let connection = cx
        .kv
        .transact(|tx| {
            let mut connection = connection::find(tx, &key)?;
            connection.authorization = None;
            connection.reason = Some("The connection was deauthorized.".to_owned());
            connection.modified_ms = now_ms;
            CONNECTIONS.put(tx, &key, &connection)?;
            Ok::<_, AwsError>(connection)
        })
        .await?;
    oauth::forget(&cx, &connection.id);
    Ok(DeauthorizeConnectionOutput {
        connection_arn: Some(connection::arn(&key, &connection.id)),
        connection_state: Some(connection.state()),
        creation_time: connection.created(),
        last_modified_time: connection.modified(),
        last_authorized_time: connection.authorized(),
    })
}
