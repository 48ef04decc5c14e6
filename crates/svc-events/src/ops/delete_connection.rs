//! `DeleteConnection`: API destinations that used it become inactive.

use api_events::{ConnectionState, DeleteConnectionInput, DeleteConnectionOutput};
use aws_wire::{AwsError, Result};

use crate::connection;
use crate::keys::CONNECTIONS;
use crate::{Ctx, keys, oauth};

pub(crate) async fn delete_connection(
    cx: Ctx,
    input: DeleteConnectionInput,
) -> Result<DeleteConnectionOutput> {
    let key = keys::own(&cx, &input.name);
    let connection = cx
        .kv
        .transact(|tx| {
            let connection = connection::find(tx, &key)?;
            CONNECTIONS.delete(tx, &key)?;
            Ok::<_, AwsError>(connection)
        })
        .await?;
    oauth::forget(&cx, &connection.id);
    Ok(DeleteConnectionOutput {
        connection_arn: Some(connection::arn(&key, &connection.id)),
        connection_state: Some(ConnectionState::Deleting),
        creation_time: connection.created(),
        last_modified_time: connection.modified(),
        last_authorized_time: connection.authorized(),
    })
}
