//! `@connections`: what functions do with the connections of WebSocket APIs.

use std::sync::Arc;

use api_apigatewaymanagementapi::{
    DeleteConnectionInput, GetConnectionInput, GetConnectionOutput, Identity, PostToConnectionInput, errors,
};
use aws_wire::Result;

use crate::Ctx;
use crate::management::Named;
use crate::websocket::{Connection, MESSAGE_BYTES_MAX, Unsent};

/// The connection that a request names.
///
/// # Errors
/// 403 where the address names no API's stage, or another account's API; 410 when there is no such connection there.
fn find(cx: &Ctx, named: &str) -> Result<Arc<Connection>> {
    let forbidden = || errors::forbidden_exception("Forbidden");
    let named = Named::parse(named).ok_or_else(forbidden)?;
    let connection = cx.state.connections.get(named.connection_id).ok_or_else(gone)?;
    if connection.api.2 != named.api_id || connection.stage_name != named.stage {
        return Err(gone());
    }
    if *connection.api.0 != *cx.caller.account {
        return Err(forbidden());
    }
    Ok(connection)
}

fn gone() -> aws_wire::AwsError {
    errors::gone_exception("The connection with the provided id no longer exists.")
}

pub(crate) async fn post_to_connection(cx: Ctx, input: PostToConnectionInput) -> Result<()> {
    let connection = find(&cx, &input.connection_id)?;
    if input.data.len() > MESSAGE_BYTES_MAX {
        return Err(errors::payload_too_large_exception("Message too long"));
    }
    // Frames are of text; what is none loses what is none.
    let message = String::from_utf8_lossy(&input.data).into_owned();
    connection.send(&cx.env, message).await.map_err(|unsent| match unsent {
        Unsent::Gone => gone(),
        Unsent::Full => errors::limit_exceeded_exception("The WebSocket client side buffer is full."),
    })
}

pub(crate) async fn get_connection(cx: Ctx, input: GetConnectionInput) -> Result<GetConnectionOutput> {
    let connection = find(&cx, &input.connection_id)?;
    Ok(GetConnectionOutput {
        connected_at: Some(connection.connected_at),
        identity: Some(Identity {
            source_ip: connection.peer.to_canonical().to_string(),
            user_agent: connection.user_agent.clone().unwrap_or_default(),
        }),
        last_active_at: Some(connection.last_active().0),
    })
}

pub(crate) async fn delete_connection(cx: Ctx, input: DeleteConnectionInput) -> Result<()> {
    let connection = find(&cx, &input.connection_id)?;
    cx.state.connections.close(&connection);
    Ok(())
}
