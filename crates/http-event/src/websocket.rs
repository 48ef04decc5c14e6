//! Events of WebSocket APIs: that somebody connects, says something, or is gone.

use std::collections::BTreeMap;

use aws_wire::Request;
use env::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::{Arrival, format_1, parts};

/// A connection, as every event of it tells.
pub struct Connection<'a> {
    pub id: &'a str,
    pub api_id: &'a str,
    pub stage: &'a str,
    pub stage_variables: &'a BTreeMap<String, String>,
    pub connected_at: Timestamp,
    /// As the handshake named it.
    pub user_agent: Option<&'a str>,
    /// What is known beside that of whoever signed the handshake.
    pub identity: &'a Map<String, Json>,
    /// What an authorizer said of them.
    pub authorizer: Option<&'a Json>,
}

/// What happened.
pub enum Happening<'a> {
    Connect(&'a Request),
    Message {
        id: &'a str,
        body: &'a str,
    },
    /// With the status and the reason of the frame that closed the connection.
    Disconnect {
        status: u16,
        reason: &'a str,
    },
}

/// The event for a route's function.
pub fn event(
    connection: &Connection<'_>,
    route_key: &str,
    happening: &Happening<'_>,
    arrival: &Arrival<'_>,
) -> Json {
    let mut event = match happening {
        Happening::Connect(request) => handshake(request, arrival),
        Happening::Message { .. } => Map::new(),
        Happening::Disconnect { .. } => farewell(arrival),
    };
    if !connection.stage_variables.is_empty() {
        event.insert("stageVariables".to_owned(), json!(connection.stage_variables));
    }
    let context = context(connection, route_key, happening, arrival);
    event.insert("requestContext".to_owned(), context);
    if let Happening::Message { body, .. } = happening {
        event.insert("body".to_owned(), (*body).into());
    }
    event.insert("isBase64Encoded".to_owned(), false.into());
    Json::Object(event)
}

/// The event for an authorizer, which is asked when somebody connects.
pub fn authorizer_event(
    connection: &Connection<'_>,
    route_key: &str,
    request: &Request,
    arrival: &Arrival<'_>,
    method_arn: &str,
) -> Json {
    let mut event = Map::new();
    event.insert("type".to_owned(), "REQUEST".into());
    event.insert("methodArn".to_owned(), method_arn.into());
    event.extend(handshake(request, arrival));
    event.insert("stageVariables".to_owned(), json!(connection.stage_variables));
    let context = context(connection, route_key, &Happening::Connect(request), arrival);
    event.insert("requestContext".to_owned(), context);
    Json::Object(event)
}

fn handshake(request: &Request, arrival: &Arrival<'_>) -> Map<String, Json> {
    let mut headers = format_1::spelled(request, arrival);
    headers.retain(|(name, _)| !["Connection", "Upgrade"].contains(&name.as_str()));
    let mut handshake = both("headers", "multiValueHeaders", headers);
    let parameters = parts::parameters(&request.query);
    if !parameters.is_empty() {
        let parameters = format_1::in_order(parameters);
        handshake.extend(both("queryStringParameters", "multiValueQueryStringParameters", parameters));
    }
    handshake
}

/// One who is gone sent no request, but AWS tells these headers all the same.
fn farewell(arrival: &Arrival<'_>) -> Map<String, Json> {
    let peer = arrival.source_ip();
    let headers = [
        ("Host", arrival.domain_name),
        ("x-api-key", ""),
        ("X-Forwarded-For", peer.as_str()),
        ("x-restapi", ""),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
    both("headers", "multiValueHeaders", format_1::in_order(headers.to_vec()))
}

fn both(single: &str, multiple: &str, values: Vec<(String, Vec<String>)>) -> Map<String, Json> {
    let last = format_1::last(&values);
    Map::from_iter([(single.to_owned(), last), (multiple.to_owned(), format_1::all(values))])
}

fn context(
    connection: &Connection<'_>,
    route_key: &str,
    happening: &Happening<'_>,
    arrival: &Arrival<'_>,
) -> Json {
    let mut context = Map::new();
    let mut put = |name: &str, value: Json| context.insert(name.to_owned(), value);
    put("routeKey", route_key.into());
    if let Some(authorizer) = connection.authorizer {
        put("authorizer", authorizer.clone());
    }
    let kind = match happening {
        Happening::Connect(_) => "CONNECT",
        Happening::Message { id, .. } => {
            put("messageId", (*id).into());
            "MESSAGE"
        }
        Happening::Disconnect { status, reason } => {
            put("disconnectStatusCode", (*status).into());
            put("disconnectReason", (*reason).into());
            "DISCONNECT"
        }
    };
    put("eventType", kind.into());
    put("extendedRequestId", arrival.request_id.into());
    put("requestTime", parts::clf_time(arrival.now).into());
    put("messageDirection", "IN".into());
    put("stage", connection.stage.into());
    put("connectedAt", connection.connected_at.as_millis().into());
    put("requestTimeEpoch", arrival.now.as_millis().into());
    put("identity", identity(connection, arrival));
    put("requestId", arrival.request_id.into());
    put("domainName", arrival.domain_name.into());
    put("connectionId", connection.id.into());
    put("apiId", connection.api_id.into());
    Json::Object(context)
}

fn identity(connection: &Connection<'_>, arrival: &Arrival<'_>) -> Json {
    let mut identity = connection.identity.clone();
    if let Some(user_agent) = connection.user_agent {
        identity.insert("userAgent".to_owned(), user_agent.into());
    }
    identity.insert("sourceIp".to_owned(), arrival.source_ip().into());
    Json::Object(identity)
}
