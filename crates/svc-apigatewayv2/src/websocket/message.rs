//! A message on its road: find the route that it names, ask what is behind it, answer where the route answers.

use http_event::parts;
use http_event::websocket::Happening;

use super::{Connection, Served, behind, selection};
use crate::Ctx;
use crate::route::{CONNECT, DEFAULT, DISCONNECT, Route};

/// Why a message was not handled, in the words that its sender sees.
pub(super) const INTERNAL: &str = "Internal server error";
pub(super) const FORBIDDEN: &str = "Forbidden";
pub(super) const TIMED_OUT: &str = "Endpoint request timed out";
pub(super) const TOO_MANY: &str = "Too Many Requests";

/// Handles one message; what goes wrong is told to its sender.
pub(super) async fn handle(cx: &Ctx, connection: &Connection, message: &str) {
    let request_id = parts::short_id(&cx.env.uuid().to_string());
    let answer = match answer(cx, connection, message, &request_id).await {
        Ok(None) => return,
        Ok(Some(answer)) => answer,
        Err(words) => error_body(words, &connection.id, &request_id),
    };
    // Whoever is gone, or does not read, misses it.
    if let Err(unsent) = connection.send(&cx.env, answer).await {
        tracing::debug!(connection = connection.id, ?unsent, "an answer did not reach its client");
    }
}

/// As AWS spells it, spaces and all.
pub(super) fn error_body(words: &str, connection_id: &str, request_id: &str) -> String {
    format!(r#"{{"message": "{words}", "connectionId":"{connection_id}", "requestId":"{request_id}"}}"#)
}

async fn answer(
    cx: &Ctx,
    connection: &Connection,
    message: &str,
    request_id: &str,
) -> Result<Option<String>, &'static str> {
    let served = Served::find(cx, connection).await.map_err(|error| {
        tracing::error!(cause = ?error.cause, "a WebSocket API failed");
        INTERNAL
    })?;
    let served = served.ok_or(FORBIDDEN)?;
    let route = choose(&served, message).ok_or(FORBIDDEN)?;
    if !served.admits(cx, connection, &route.key) {
        return Err(TOO_MANY);
    }
    let message_id = parts::short_id(&cx.env.uuid().to_string());
    let happening = Happening::Message { id: &message_id, body: message };
    let answered = behind::ask(cx, &served, connection, route, &happening, request_id).await;
    let answered = answered.map_err(|failed| failed.words)?;
    if !route.is_two_way() {
        return Ok(None);
    }
    let text = answered.text().ok_or(INTERNAL)?;
    Ok((!text.is_empty()).then_some(text))
}

/// The route that a message names, or the one for those that name none.
fn choose<'a>(served: &'a Served, message: &str) -> Option<&'a Route> {
    let named = selection::key(&served.route_selection, message);
    let named = named.filter(|key| ![CONNECT, DISCONNECT].contains(&key.as_str()));
    named.and_then(|key| served.route(&key)).or_else(|| served.route(DEFAULT))
}
