//! The Extensions API (2020-01-01), the Telemetry API (2022-07-01) and the Logs API (2020-08-15), on the listener of the
//! Runtime API.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value as Json, json};

use crate::environment::Environment;
use crate::extension_state::Event;
use crate::extensions::Refusal;
use crate::runtime_api::{Answer, not_found, refuse};
use crate::subscription::Api;

/// What an extension may send at a time.
const BODY_BYTES_MAX: usize = 256 * 1024;
const NAME: &str = "lambda-extension-name";
const IDENTIFIER: &str = "lambda-extension-identifier";
const EVENT_IDENTIFIER: &str = "lambda-extension-event-identifier";
const ERROR_TYPE: &str = "lambda-extension-function-error-type";
const ACCEPT_FEATURE: &str = "lambda-extension-accept-feature";

/// Answers a call of one of the three; `None` when the path is of none.
pub(crate) async fn answer(
    environment: &Arc<Environment>,
    path: &str,
    request: Request<Incoming>,
) -> Option<Answer> {
    let path = path.trim_end_matches('/');
    let method = request.method().clone();
    Some(match (method, path) {
        (Method::POST, "/2020-01-01/extension/register") => register(environment, request).await,
        (Method::GET, "/2020-01-01/extension/event/next") => next(environment, request.headers()).await,
        (Method::POST, "/2020-01-01/extension/init/error") => {
            give_up(environment, request.headers(), Event::InitError)
        }
        (Method::POST, "/2020-01-01/extension/exit/error") => {
            give_up(environment, request.headers(), Event::ExitError)
        }
        (Method::PUT, "/2022-07-01/telemetry") => subscribe(environment, request, Api::Telemetry).await,
        (Method::PUT, "/2020-08-15/logs") => subscribe(environment, request, Api::Logs).await,
        (_, path) if path.starts_with("/2020-01-01/extension") => not_found(),
        _ => return None,
    })
}

async fn register(environment: &Arc<Environment>, request: Request<Incoming>) -> Answer {
    let name = header(request.headers(), NAME).unwrap_or_default();
    if name.is_empty() {
        return refused(&Refusal::EmptyName);
    }
    let features = header(request.headers(), ACCEPT_FEATURE).unwrap_or_default();
    let wants_account = features.split(',').any(|feature| feature.trim() == "accountId");
    let malformed = |why: &str| refuse(StatusCode::FORBIDDEN, "InvalidRequestFormat", why);
    let Some(body) = read(request).await else {
        return malformed("The request's body is too long or cut short");
    };
    let events = match serde_json::from_slice::<Json>(&body) {
        Ok(Json::Object(body)) => match events(body.get("events")) {
            Some(events) => events,
            None => return malformed("events is no list of names"),
        },
        Ok(_) => return malformed("The request is no object"),
        Err(error) => return malformed(&error.to_string()),
    };
    match environment.register(&name, &events) {
        Ok(id) => {
            let version = &environment.version;
            let mut body = json!({
                "functionName": version.function_name,
                "functionVersion": version.version,
                "handler": version.handler,
            });
            if wants_account {
                body["accountId"] = version.account.as_ref().into();
            }
            with_header(json_answer(StatusCode::OK, body.to_string()), IDENTIFIER, &id)
        }
        Err(refusal) => refused(&refusal),
    }
}

/// A list of names; an extension may register for nothing.
fn events(events: Option<&Json>) -> Option<Vec<String>> {
    match events {
        None | Some(Json::Null) => Some(Vec::new()),
        Some(events) => events.as_array()?.iter().map(|event| event.as_str().map(str::to_owned)).collect(),
    }
}

async fn next(environment: &Arc<Environment>, headers: &HeaderMap) -> Answer {
    let id = match identifier(headers) {
        Ok(id) => id,
        Err(refusal) => return refused(&refusal),
    };
    let event = match environment.next_event(&id) {
        Ok(event) => event,
        Err(refusal) => return refused(&refusal),
    };
    match event.await {
        Ok(event) => {
            let answer = json_answer(StatusCode::OK, event);
            with_header(answer, EVENT_IDENTIFIER, &environment.new_id())
        }
        // The environment is being taken down.
        Err(_) => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "Sandbox.Failure", "The environment is shutting down")
        }
    }
}

fn give_up(environment: &Arc<Environment>, headers: &HeaderMap, event: Event) -> Answer {
    let id = match identifier(headers) {
        Ok(id) => id,
        Err(refusal) => return refused(&refusal),
    };
    let Some(error_type) = header(headers, ERROR_TYPE).filter(|error_type| !error_type.is_empty()) else {
        let message = "Missing Lambda-Extension-Function-Error-Type header";
        return refuse(StatusCode::FORBIDDEN, "Extension.MissingHeader", message);
    };
    match environment.extension_gives_up(&id, event, &error_type) {
        Ok(()) => json_answer(StatusCode::ACCEPTED, "{\"status\":\"OK\"}\n"),
        Err(refusal) => refused(&refusal),
    }
}

async fn subscribe(environment: &Arc<Environment>, request: Request<Incoming>, api: Api) -> Answer {
    let id = match identifier(request.headers()) {
        Ok(id) => id,
        Err(refusal) => return refused(&refusal),
    };
    let invalid = |why: &str| refuse(StatusCode::BAD_REQUEST, "ValidationError", why);
    let Some(body) = read(request).await else {
        return invalid("The request's body is too long or cut short");
    };
    match environment.subscribe(&id, api, &body) {
        Ok(()) => json_answer(StatusCode::OK, "\"OK\""),
        Err(Unsubscribed::Unknown(refusal)) => refused(&refusal),
        Err(Unsubscribed::Closed) => {
            let name = api.name();
            let message = format!("{name} API subscription is closed already");
            refuse(StatusCode::FORBIDDEN, &format!("{name}.SubscriptionClosed"), &message)
        }
        Err(Unsubscribed::Invalid(why)) => invalid(&why),
    }
}

/// Why there is no subscription.
pub(crate) enum Unsubscribed {
    Unknown(Refusal),
    /// INIT is over, or there were too many.
    Closed,
    Invalid(String),
}

/// Who calls, as the registration named them.
fn identifier(headers: &HeaderMap) -> Result<String, Refusal> {
    let id = header(headers, IDENTIFIER).ok_or(Refusal::MissingIdentifier)?;
    let hyphens = [8, 13, 18, 23];
    let is_uuid = id.len() == 36
        && id
            .bytes()
            .enumerate()
            .all(|(at, byte)| if hyphens.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    if is_uuid { Ok(id.to_ascii_lowercase()) } else { Err(Refusal::InvalidIdentifier) }
}

fn refused(refusal: &Refusal) -> Answer {
    let refuse = |error_type: &str, message: &str| refuse(StatusCode::FORBIDDEN, error_type, message);
    match refusal {
        Refusal::EmptyName => refuse("Extension.InvalidExtensionName", "Empty extension name"),
        Refusal::InvalidEvent { event, why } => {
            refuse("Extension.InvalidEventType", &format!("{event}: {why}"))
        }
        Refusal::RegistrationClosed => {
            refuse("Extension.RegistrationClosed", "Extension registration closed already")
        }
        Refusal::NameTaken => {
            refuse("Extension.InvalidExtensionState", "Extension with this name already registered")
        }
        Refusal::TooMany => refuse("Extension.TooManyExtensions", "Extension limit (10) reached"),
        Refusal::MissingIdentifier => {
            refuse("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        }
        Refusal::InvalidIdentifier => {
            refuse("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier header")
        }
        Refusal::Unknown(id) => {
            refuse("Extension.UnknownExtensionIdentifier", &format!("Unknown extension {id}"))
        }
        Refusal::State { extension, refused } => {
            let (from, to) = (refused.from, refused.to);
            let message = format!(
                "State transition from {from} to {to} failed for extension {extension}. Error: State transition is not allowed"
            );
            refuse("Extension.InvalidExtensionState", &message)
        }
    }
}

async fn read(request: Request<Incoming>) -> Option<Bytes> {
    Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await.ok().map(|body| body.to_bytes())
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn json_answer(status: StatusCode, body: impl Into<Vec<u8>>) -> Answer {
    let mut response = Response::new(Full::from(Bytes::from(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

fn with_header(mut answer: Answer, name: &'static str, value: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
    answer
}
