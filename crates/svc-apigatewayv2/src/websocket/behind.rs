//! What is behind a route, asked: a function or a server, as it is or by templates, or a mock, which is nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_wire::rest::insert_header;
use bytes::Bytes;
use execute_api::function::{self, Call, Failure};
use execute_api::template::{self, encoded};
use execute_api::{BODY_BYTES_MAX, trace_id};
use http::{HeaderMap, Method, Uri};
use http_client::Error;
use http_event::answer::{self as functions, Head};
use http_event::websocket::{self as events, Happening};
use serde_json::{Value as Json, json};

use super::selection::{Answer, Sight, response_key};
use super::{Connection, Served, arrival, message, route_arn};
use crate::Ctx;
use crate::integration::{Integration, IntegrationResponse, Kind, Passthrough, Templated};
use crate::route::{DEFAULT, Route};
use crate::site::server::{HOP_BY_HOP, with_query};

/// The function's parameter that makes an event of its invocation.
const INVOCATION_TYPE: &str = "integration.request.header.X-Amz-Invocation-Type";

/// What was answered, before anybody hears it.
pub(super) enum Answered {
    /// By a function that makes the whole answer.
    Returned(Bytes),
    Made {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
}

impl Answered {
    /// The status and the headers for one who wants to connect; `None` where they make no sense.
    pub(super) fn handshake(self) -> Option<(u16, Vec<(String, String)>)> {
        match self {
            Self::Made { status, headers, .. } => Some((status, headers)),
            Self::Returned(payload) => match serde_json::from_slice(&payload) {
                Ok(Json::Object(object)) if object.contains_key("statusCode") => {
                    Head::from_object(&object).map(|head| (head.status, head.headers))
                }
                _ => None,
            },
        }
    }

    /// What a message's sender hears; `None` where it makes no sense.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Made { body, .. } => Some(body),
            Self::Returned(payload) => {
                let Ok(Json::Object(object)) = serde_json::from_slice(&payload) else { return None };
                object.get("statusCode")?;
                Some(String::from_utf8_lossy(&functions::body(&object)?).into_owned())
            }
        }
    }
}

/// Why nothing was answered: a status for one who wants to connect, and words.
#[derive(Clone, Copy)]
pub(super) struct Failed {
    pub status: u16,
    pub words: &'static str,
}

const MISCONFIGURED: Failed = Failed { status: 500, words: message::INTERNAL };
const BAD_GATEWAY: Failed = Failed { status: 502, words: message::INTERNAL };
const TIMED_OUT: Failed = Failed { status: 504, words: message::TIMED_OUT };
const UNSUPPORTED: Failed = Failed { status: 415, words: "Unsupported Media Type" };

/// What a route's integration is asked about.
struct Passage<'a> {
    served: &'a Served,
    connection: &'a Connection,
    route: &'a Route,
    integration: &'a Integration,
    happening: &'a Happening<'a>,
    trace_id: String,
    /// As a proxied function gets it.
    event: Json,
    /// What templates and mappings see of a handshake.
    parameters: Json,
}

/// What a backend answered, before it becomes the route's.
struct Raw {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    /// What responses are told apart by.
    text: Option<String>,
}

/// Asks what is behind a route.
pub(super) async fn ask(
    cx: &Ctx,
    served: &Served,
    connection: &Connection,
    route: &Route,
    happening: &Happening<'_>,
    request_id: &str,
) -> Result<Answered, Failed> {
    let integration = route.integration.as_ref().and_then(|id| served.deployment.integrations.get(id));
    let integration = integration.ok_or(MISCONFIGURED)?;
    let trace_id = match happening {
        Happening::Connect(request) => trace_id(request.header("x-amzn-trace-id"), &cx.env),
        Happening::Message { .. } | Happening::Disconnect { .. } => trace_id(None, &cx.env),
    };
    let arrival = arrival(cx, connection, happening, request_id, &trace_id);
    let event = events::event(&served.told(connection), &route.key, happening, &arrival);
    let object = |name: &str| event.get(name).cloned().unwrap_or_else(|| json!({}));
    let parameters = json!({
        "path": {}, "header": object("headers"), "querystring": object("queryStringParameters"),
    });
    let passage = Passage { served, connection, route, integration, happening, trace_id, event, parameters };
    match integration.kind {
        Kind::Function1 | Kind::Function2 => {
            let payload = http_event::payload(&passage.event).into();
            passage.invoke(cx, payload, false).await.and_then(|returned| match returned {
                (_, true) => Err(BAD_GATEWAY),
                (payload, false) => Ok(Answered::Returned(payload)),
            })
        }
        Kind::Server => {
            let body = Bytes::from(passage.body().to_owned());
            let raw = passage.send(cx, body).await?;
            let headers = raw.headers.iter();
            let headers = headers.filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            });
            let body = String::from_utf8_lossy(&raw.body).into_owned();
            Ok(Answered::Made { status: raw.status, headers: headers.collect(), body })
        }
        Kind::TemplatedFunction | Kind::TemplatedServer | Kind::Mock => {
            let unchanged = Templated::default();
            let templated = integration.templated.as_ref().unwrap_or(&unchanged);
            let body = passage.request_body(templated)?;
            let raw = match integration.kind {
                Kind::Mock => mock(&body)?,
                Kind::TemplatedFunction => passage.returned(cx, body).await?,
                _ => passage.send(cx, body.into()).await?,
            };
            passage.finish(templated, raw)
        }
    }
}

/// A mock's answer: the status that its template says.
fn mock(body: &str) -> Result<Raw, Failed> {
    let said: Json = serde_json::from_str(body).unwrap_or_default();
    let status = match &said["statusCode"] {
        Json::Number(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        Json::String(text) => text.parse().ok(),
        _ => None,
    };
    let status = status.filter(|status| (100..600).contains(status)).ok_or(MISCONFIGURED)?;
    Ok(Raw { status, headers: HeaderMap::new(), body: Bytes::new(), text: Some(status.to_string()) })
}

impl Passage<'_> {
    fn body(&self) -> &str {
        match self.happening {
            Happening::Message { body, .. } => body,
            Happening::Connect(_) | Happening::Disconnect { .. } => "",
        }
    }

    fn sight<'a>(&'a self, answer: Option<Answer<'a>>) -> Sight<'a> {
        Sight {
            body: self.body(),
            parameters: &self.parameters,
            context: &self.event["requestContext"],
            variables: &self.served.stage.variables,
            answer,
        }
    }

    fn render(&self, template: &str, body: String) -> Result<(String, Option<u16>), Failed> {
        let sight = template::Sight {
            body,
            parameters: self.parameters.clone(),
            context: self.event["requestContext"].clone(),
            variables: &self.served.stage.variables,
        };
        template::render(template, sight).map_err(|error| {
            tracing::debug!(%error, "a template failed");
            MISCONFIGURED
        })
    }

    /// What the integration is asked with.
    fn request_body(&self, templated: &Templated) -> Result<String, Failed> {
        let key = self.sight(None).key(templated.selection.as_deref());
        if let Some(template) = chosen(&templated.templates, key) {
            return self.render(template, self.body().to_owned()).map(|(text, _)| text);
        }
        let passes = match templated.passthrough {
            Passthrough::Never => false,
            Passthrough::WhenNoTemplates => templated.templates.is_empty(),
            Passthrough::WhenNoMatch => true,
        };
        if passes { Ok(self.body().to_owned()) } else { Err(UNSUPPORTED) }
    }

    /// What the function returned, and whether that is what it failed with.
    async fn invoke(&self, cx: &Ctx, payload: Bytes, is_event: bool) -> Result<(Bytes, bool), Failed> {
        let uri = function::with_variables(&self.integration.uri, &self.served.stage.variables);
        let call = Call {
            principal: function::PRINCIPAL,
            arn: function::arn_of_uri(&uri).ok_or(MISCONFIGURED)?.to_owned(),
            source_arn: route_arn(self.connection, &self.route.key),
            role: self.integration.credentials.clone(),
            payload,
            timeout: self.timeout(),
            is_event,
        };
        let cx = cx.clone().with_trace(Some(self.trace_id.as_str().into()));
        match function::invoke(&cx, call).await {
            Ok(returned) => Ok((returned.payload, returned.failed)),
            Err(error) => {
                tracing::debug!(%error, "a WebSocket API's function");
                Err(if matches!(error, Failure::TimedOut) { TIMED_OUT } else { BAD_GATEWAY })
            }
        }
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.integration.timeout_ms).unwrap_or_default())
    }

    /// A function's answer; what it failed with is one too, if a response is for it.
    async fn returned(&self, cx: &Ctx, body: String) -> Result<Raw, Failed> {
        let kind = self.integration.request_parameters.get(INVOCATION_TYPE);
        let kind = kind.and_then(|source| self.sight(None).source(source));
        let payload = if body.is_empty() { Bytes::from_static(b"{}") } else { body.into() };
        let (body, failed) = self.invoke(cx, payload, kind.as_deref() == Some("Event")).await?;
        let said: Json = serde_json::from_slice(&body).unwrap_or_default();
        let text = said["errorMessage"].as_str().map(str::to_owned).or_else(|| failed.then(String::new));
        let has_responses = self.integration.templated.as_ref().is_some_and(|one| !one.responses.is_empty());
        if failed && !has_responses {
            return Err(BAD_GATEWAY);
        }
        Ok(Raw { status: 200, headers: HeaderMap::new(), body, text })
    }

    /// A server's answer.
    async fn send(&self, cx: &Ctx, body: Bytes) -> Result<Raw, Failed> {
        let request = self.outgoing(body).ok_or(MISCONFIGURED)?;
        match cx.state.client.send(&cx.env, request, self.timeout(), BODY_BYTES_MAX).await {
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                let status = head.status.as_u16();
                Ok(Raw { status, headers: head.headers, body, text: Some(status.to_string()) })
            }
            Err(Error::TimedOut) => Err(TIMED_OUT),
            Err(error) => {
                tracing::debug!(uri = self.integration.uri, %error, "a WebSocket API's server did not answer");
                Err(BAD_GATEWAY)
            }
        }
    }

    fn outgoing(&self, body: Bytes) -> Option<http::Request<Bytes>> {
        let mut uri = function::with_variables(&self.integration.uri, &self.served.stage.variables);
        let mut method = self.integration.method.as_deref().unwrap_or("POST");
        let mut headers = HeaderMap::new();
        if let Happening::Connect(request) = self.happening {
            if self.integration.kind == Kind::Server {
                headers = request.headers.clone();
                headers.remove("host");
                HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(*name)));
                let is_own = |name: &&http::HeaderName| name.as_str().starts_with("sec-websocket-");
                let own = request.headers.keys().filter(is_own).cloned().collect::<Vec<_>>();
                own.iter().for_each(|name| drop(headers.remove(name)));
                uri = with_query(&uri, &request.query);
            }
            method = if method == "ANY" { "GET" } else { method };
        } else if !body.is_empty() {
            insert_header(&mut headers, "content-type", "application/json");
        }
        let sight = self.sight(None);
        for (target, source) in &self.integration.request_parameters {
            let place = target.strip_prefix("integration.request.").and_then(|rest| rest.split_once('.'));
            match (place, sight.source(source)) {
                (Some(("header", name)), Some(value)) => {
                    insert_header(&mut headers, &name.to_ascii_lowercase(), &value);
                }
                (Some(("querystring", name)), Some(value)) => {
                    uri = with_query(&uri, &format!("{}={}", encoded(name), encoded(&value)));
                }
                (Some(("path", name)), Some(value)) => {
                    uri = uri.replace(&format!("{{{name}}}"), &encoded(&value));
                }
                _ => {}
            }
        }
        headers.remove("content-length");
        if !body.is_empty() {
            insert_header(&mut headers, "content-length", &body.len().to_string());
        }
        insert_header(&mut headers, "x-amzn-apigateway-api-id", &self.connection.api.2);
        insert_header(&mut headers, "x-amzn-trace-id", &self.trace_id);
        let mut outgoing = http::Request::new(body);
        // A message has no method of its own.
        let method = if method == "ANY" { "POST" } else { method };
        *outgoing.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
        *outgoing.uri_mut() = uri.parse::<Uri>().ok()?;
        *outgoing.headers_mut() = headers;
        Some(outgoing)
    }

    /// Makes a backend's answer the route's.
    fn finish(&self, templated: &Templated, raw: Raw) -> Result<Answered, Failed> {
        let body = String::from_utf8_lossy(&raw.body).into_owned();
        // Without responses it is as it came.
        if templated.responses.is_empty() {
            return Ok(Answered::Made { status: raw.status, headers: Vec::new(), body });
        }
        let keys = templated.responses.values().map(|response| response.key.as_str());
        let key = response_key(keys, raw.text.as_deref()).ok_or(MISCONFIGURED)?;
        let response = templated.responses.values().find(|response| response.key == key);
        let IntegrationResponse { parameters, templates, selection, .. } = response.ok_or(MISCONFIGURED)?;
        let sight = self.sight(Some(Answer { status: raw.status, headers: &raw.headers, body: &raw.body }));
        let headers = parameters.iter().filter_map(|(target, source)| {
            let name = target.strip_prefix("method.response.header.")?;
            Some((name.to_owned(), sight.source(source)?))
        });
        let headers = headers.collect();
        let (body, overridden) = match chosen(templates, sight.key(selection.as_deref())) {
            Some(template) => self.render(template, body)?,
            None => (body, None),
        };
        Ok(Answered::Made { status: overridden.unwrap_or(raw.status), headers, body })
    }
}

/// The template of a key, else the one for all.
fn chosen(templates: &BTreeMap<String, String>, key: Option<String>) -> Option<&String> {
    key.and_then(|key| templates.get(&key)).or_else(|| templates.get(DEFAULT))
}
