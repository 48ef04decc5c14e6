//! `ListConnections`: by name.

use api_events::{Connection, ListConnectionsInput, ListConnectionsOutput};
use aws_wire::Result;
use kv::{Span, StartsWith};

use crate::keys::CONNECTIONS;
use crate::{Ctx, connection, page};

pub(crate) async fn list_connections(cx: Ctx, input: ListConnectionsInput) -> Result<ListConnectionsOutput> {
    let (account, region) = (&*cx.caller.account, &*cx.caller.region);
    let prefix = input.name_prefix.as_deref().unwrap_or_default();
    let mut span = Span::prefix(&(account, region, StartsWith(prefix)));
    if let Some(token) = &input.next_token {
        span = span.after(&(account, region, page::after(token)?));
    }
    let mut rows = CONNECTIONS.all(&cx.kv.snapshot().await?, &span)?;
    rows.retain(|(_, connection)| input.connection_state.is_none_or(|state| state == connection.state()));
    let next_token = page::cut(&mut rows, page::length(input.limit), |((.., name), _)| name);
    let connections = rows.into_iter().map(|(key, connection)| Connection {
        connection_arn: Some(connection::arn(&key, &connection.id)),
        name: Some(key.2),
        connection_state: Some(connection.state()),
        state_reason: connection.reason.clone(),
        authorization_type: connection.kind(),
        creation_time: connection.created(),
        last_modified_time: connection.modified(),
        last_authorized_time: connection.authorized(),
    });
    Ok(ListConnectionsOutput { connections: Some(connections.collect()), next_token })
}
