//! The road to a WebSocket API: a handshake whose `$connect` route agrees, then a connection until it ends, of which
//! the `$disconnect` route hears.
//!
//! `socket.rs` is the life of a connection, `message.rs` the road of a message on it, `behind.rs` what is asked for it.

mod access;
mod behind;
mod connection;
mod message;
pub(crate) mod selection;
mod socket;

use std::sync::{Arc, Mutex};

use aws_wire::rest::insert_header;
use aws_wire::{Request, Response, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE as BASE64;
use execute_api::answer;
use http_event::websocket::{self as events, Happening};
use http_event::{Arrival, parts};
use serde_json::Map;
use service::{Upgrade, Visit};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::Ctx;
use crate::deployment::Deployment;
use crate::keys::{DEPLOYMENTS, part};
use crate::route::{CONNECT, DISCONNECT, Route};
use crate::site::Found;
use crate::stage::Stage;
use access::Access;
use behind::Failed;
use connection::Ending;
pub(crate) use connection::{Connection, Connections, Unsent};
pub(crate) use socket::MESSAGE_BYTES_MAX;

/// Random bytes of a connection's id: sixteen characters.
const ID_BYTES: usize = 11;
const PROTOCOL: &str = "sec-websocket-protocol";

/// Answers a handshake; one that is agreed to is served from then on.
pub(crate) async fn connect(cx: &Ctx, visit: &Visit, found: Found) -> Result<Response> {
    if !found.path.trim_start_matches('/').is_empty() {
        return Ok(answer::message(403, "Forbidden"));
    }
    let (Some(upgrade), Some(accept)) = (visit.take_upgrade(), accept(&visit.request)) else {
        let mut response = answer::message(426, "Upgrade Required");
        insert_header(&mut response.headers, "upgrade", "websocket");
        return Ok(response);
    };
    let (outbox, waiting) = mpsc::channel(connection::OUTBOX_LENGTH);
    let mut connection = draft(cx, visit, &found, outbox);
    let request_id = parts::short_id(&cx.request_id);
    let served = Served::of(found);
    let protocol = match agree(cx, visit, &served, &mut connection, &request_id).await? {
        Ok(protocol) => protocol,
        Err(refused) => return Ok(refused),
    };
    // Its time begins where it does.
    connection.opened = cx.env.monotonic();
    connection.touch(&cx.env);
    let connection = Arc::new(connection);
    if !cx.state.connections.open(&connection) {
        return Ok(refusal(429, message::TOO_MANY, &connection, &request_id));
    }
    tokio::spawn(serve(cx.clone(), connection, waiting, upgrade));
    let mut response = Response::empty(101);
    insert_header(&mut response.headers, "connection", "upgrade");
    insert_header(&mut response.headers, "upgrade", "websocket");
    insert_header(&mut response.headers, "sec-websocket-accept", &accept);
    if let Some(protocol) = protocol {
        insert_header(&mut response.headers, PROTOCOL, &protocol);
    }
    Ok(response)
}

/// What proves to a client that its handshake was understood; `None` where it is no handshake.
fn accept(request: &Request) -> Option<String> {
    let is = |name: &str, expected: &str| {
        let value = request.header(name).unwrap_or_default();
        value.split(',').any(|one| one.trim().eq_ignore_ascii_case(expected))
    };
    let is_handshake =
        request.method == "GET" && is("upgrade", "websocket") && is("sec-websocket-version", "13");
    let key = request.header("sec-websocket-key").filter(|_| is_handshake)?;
    Some(derive_accept_key(key.as_bytes()))
}

fn draft(cx: &Ctx, visit: &Visit, found: &Found, outbox: mpsc::Sender<String>) -> Connection {
    let mut random = [0; ID_BYTES];
    cx.env.fill(&mut random);
    let (now, monotonic) = (cx.env.now(), cx.env.monotonic());
    let (_, region, api_id) = &found.key;
    Connection {
        id: BASE64.encode(random),
        api: found.key.clone(),
        stage_name: found.stage_name.clone(),
        // By which a function finds the way back to the connection from inside its sandbox, whatever name the client
        // came by.
        domain_name: format!("{api_id}.execute-api.{region}.amazonaws.com"),
        peer: visit.peer,
        user_agent: visit.request.header("user-agent").map(str::to_owned),
        identity: Map::new(),
        authorizer: None,
        connected_at: now,
        opened: monotonic,
        active: Mutex::new((now, monotonic)),
        outbox,
        ending: watch::Sender::new(None),
    }
}

/// Asks who may connect, and the `$connect` route: the protocol that it chose, or the answer to one who may not.
async fn agree(
    cx: &Ctx,
    visit: &Visit,
    served: &Served,
    connection: &mut Connection,
    request_id: &str,
) -> Result<Result<Option<String>, Response>> {
    let Some(route) = served.route(CONNECT) else { return Ok(Ok(None)) };
    let refused = |status, words: &str, connection: &Connection| {
        Ok(Err(refusal(status, words, connection, request_id)))
    };
    if !served.admits(cx, connection, CONNECT) {
        return refused(429, message::TOO_MANY, connection);
    }
    match access::check(cx, visit, served, route, connection, request_id).await {
        Ok(Access { identity, authorizer }) => {
            connection.identity = identity;
            connection.authorizer = authorizer;
        }
        Err((status, words)) => return refused(status, words, connection),
    }
    if let Some(words) = access::missing(&visit.request, route) {
        return refused(400, &words, connection);
    }
    let happening = Happening::Connect(&visit.request);
    let (status, headers) = match behind::ask(cx, served, connection, route, &happening, request_id).await {
        Ok(answered) => match answered.handshake() {
            Some(handshake) => handshake,
            None => return refused(502, message::INTERNAL, connection),
        },
        Err(Failed { status, words }) => return refused(status, words, connection),
    };
    if !(200..300).contains(&status) {
        return Ok(Err(Response::empty(status)));
    }
    let mut headers = headers.into_iter();
    Ok(Ok(headers.find(|(name, _)| name.eq_ignore_ascii_case(PROTOCOL)).map(|(_, value)| value)))
}

fn refusal(status: u16, words: &str, connection: &Connection, request_id: &str) -> Response {
    answer::json(status, &message::error_body(words, &connection.id, request_id))
}

/// Serves a connection once its handshake is over, and tells the `$disconnect` route when it has ended.
async fn serve(cx: Ctx, connection: Arc<Connection>, outbox: mpsc::Receiver<String>, upgrade: Upgrade) {
    let Upgrade { stream, stopping, held } = upgrade;
    match stream.await {
        Ok(stream) => {
            let farewell = socket::serve(&cx, &connection, stream, outbox, stopping).await;
            cx.state.connections.forget(&connection.id);
            let ending = farewell.ending().clone();
            tokio::join!(farewell.say(&cx.env), tell(&cx, &connection, &ending));
        }
        Err(error) => {
            tracing::debug!(%error, "a client left during its handshake");
            cx.state.connections.forget(&connection.id);
            tell(&cx, &connection, &Ending::lost()).await;
        }
    }
    drop(held);
}

/// Tells the `$disconnect` route of an end. Nobody is left to hear of a failure.
async fn tell(cx: &Ctx, connection: &Connection, ending: &Ending) {
    let happening = Happening::Disconnect { status: ending.status, reason: &ending.reason };
    if let Ok(Some(served)) = Served::find(cx, connection).await
        && let Some(route) = served.route(DISCONNECT)
    {
        let request_id = parts::short_id(&cx.env.uuid().to_string());
        let asked = behind::ask(cx, &served, connection, route, &happening, &request_id).await;
        tracing::debug!(told = asked.is_ok(), connection = connection.id, "a connection ended");
    }
}

/// What a stage serves at the moment.
struct Served {
    route_selection: String,
    keys_from_authorizer: bool,
    stage: Arc<Stage>,
    deployment: Arc<Deployment>,
}

impl Served {
    fn of(found: Found) -> Self {
        Self {
            keys_from_authorizer: found.api.keys_from_authorizer,
            route_selection: found.api.route_selection.clone().unwrap_or_default(),
            stage: found.stage,
            deployment: found.deployment,
        }
    }

    /// Anew for each message: those on old connections take new routes too.
    async fn find(cx: &Ctx, connection: &Connection) -> Result<Option<Self>> {
        let snapshot = cx.kv.snapshot().await?;
        let known = &cx.state.known;
        let Some(api) = known.apis.get(&snapshot, &connection.api)? else { return Ok(None) };
        let stage = known.stages.get(&snapshot, &part(&connection.api, &connection.stage_name))?;
        let Some(stage) = stage else { return Ok(None) };
        let Some(id) = &stage.deployment else { return Ok(None) };
        let deployment = cx.state.deployed.get(&snapshot, &DEPLOYMENTS, part(&connection.api, id))?;
        Ok(deployment.map(|deployment| Self {
            keys_from_authorizer: api.keys_from_authorizer,
            route_selection: api.route_selection.clone().unwrap_or_default(),
            stage,
            deployment,
        }))
    }

    fn route(&self, key: &str) -> Option<&Route> {
        self.deployment.routes.values().find(|route| route.key == key)
    }

    /// Whether the stage's limits let a route be asked once more.
    fn admits(&self, cx: &Ctx, connection: &Connection, route_key: &str) -> bool {
        let counted = format!("{}/{}/{route_key}", connection.api.2, connection.stage_name);
        let limit = self.stage.limit(route_key);
        limit.is_none_or(|limit| cx.state.throttle.admits(&counted, limit, cx.env.monotonic()))
    }

    /// How events tell of a connection.
    fn told<'a>(&'a self, connection: &'a Connection) -> events::Connection<'a> {
        events::Connection {
            id: &connection.id,
            api_id: &connection.api.2,
            stage: &connection.stage_name,
            stage_variables: &self.stage.variables,
            connected_at: connection.connected_at,
            user_agent: connection.user_agent.as_deref(),
            identity: &connection.identity,
            authorizer: connection.authorizer.as_ref(),
        }
    }
}

/// A route as policies are asked about it.
fn route_arn(connection: &Connection, route_key: &str) -> String {
    let (account, region, id) = &connection.api;
    format!("arn:aws:execute-api:{region}:{account}:{id}/{}/{route_key}", connection.stage_name)
}

fn arrival<'a>(
    cx: &Ctx,
    connection: &'a Connection,
    happening: &Happening<'_>,
    request_id: &'a str,
    trace_id: &'a str,
) -> Arrival<'a> {
    let port = match happening {
        Happening::Connect(request) => execute_api::address::port(request),
        Happening::Message { .. } | Happening::Disconnect { .. } => 443,
    };
    Arrival {
        domain_name: &connection.domain_name,
        request_id,
        trace_id,
        port,
        peer: connection.peer,
        now: cx.env.now(),
    }
}
