//! `DescribeConnection`: all but its secrets.

use api_events::{DescribeConnectionInput, DescribeConnectionOutput};
use aws_wire::Result;

use crate::{Ctx, connection, keys};

pub(crate) async fn describe_connection(
    cx: Ctx,
    input: DescribeConnectionInput,
) -> Result<DescribeConnectionOutput> {
    let key = keys::own(&cx, &input.name);
    let connection = connection::find(&cx.kv.snapshot().await?, &key)?;
    Ok(DescribeConnectionOutput {
        connection_arn: Some(connection::arn(&key, &connection.id)),
        name: Some(key.2),
        description: connection.description.clone(),
        connection_state: Some(connection.state()),
        state_reason: connection.reason.clone(),
        authorization_type: connection.kind(),
        creation_time: connection.created(),
        last_modified_time: connection.modified(),
        last_authorized_time: connection.authorized(),
        auth_parameters: Some(connection.shown_parameters()),
        // Secrets are kept with the connection: there is no Secrets Manager to point into.
        secret_arn: None,
        kms_key_identifier: None,
        invocation_connectivity_parameters: None,
    })
}
