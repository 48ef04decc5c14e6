//! One event to an API destination: the request that the destination, its connection and the target's parameters make of
//! it, no more of them in a second than the destination takes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use event_input::Path;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use http_client::Error;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;
use service::{TargetArn, Undelivered};

use crate::api_destination::ApiDestination;
use crate::connection::{self, Authorization, Connection, Parameter};
use crate::keys::API_DESTINATIONS;
use crate::send::Failure;
use crate::target::Target;
use crate::{Ctx, oauth};

/// AWS's patience with an endpoint.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);
const AGENT: &str = "Amazon/EventBridge/ApiDestinations";
/// What a part of a URL keeps as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How much of a second's requests may go at once.
const BURST_US: i64 = 1_000_000;

/// By destination's id: the moment at which all that was sent would have been sent one after the other, in microseconds.
pub(crate) type Paces = Mutex<HashMap<String, i64>>;

/// # Errors
/// Why the endpoint did not take it, and when to come back.
pub(crate) async fn post(
    cx: &Ctx,
    target: &Target,
    arn: &TargetArn,
    event: &Json,
    payload: String,
) -> Result<(), Failure> {
    let (destination, connection) = find(cx, arn).await?;
    let authorization = connection.authorization.as_ref().filter(|_| connection.reason.is_none());
    let authorization = authorization.ok_or_else(|| {
        Failure::new("NO_PERMISSIONS", "the API destination's connection is not authorized".to_owned(), false)
    })?;
    turn(cx, &destination)?;
    let request = request(&destination, &connection, authorization, target, event, payload);
    let mut request = request.map_err(Undelivered::Invalid)?;
    if let Authorization::OAuth(oauth) = authorization {
        let token = oauth::token(cx, &connection.id, oauth).await.map_err(Undelivered::Failed)?;
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        let value = value.map_err(|error| Undelivered::Failed(error.to_string()))?;
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    let answer = cx.state.client.head_of(&cx.env, request, TIMEOUT).await.map_err(unreached)?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    if matches!(status.as_u16(), 401 | 407) {
        oauth::forget(cx, &connection.id);
    }
    let wait_s =
        answer.headers().get(header::RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse::<u64>().ok());
    let code = match status.as_u16() {
        429 => "THROTTLING",
        400..=499 => "SDK_CLIENT_ERROR",
        _ => "ERROR_FROM_TARGET",
    };
    let is_worth_another_try = matches!(status.as_u16(), 401 | 407 | 409 | 429 | 500..=599);
    let not_before_us = wait_s.map(|wait| cx.env.now().after(Duration::from_secs(wait)).as_micros());
    let failure = Failure::new(code, format!("the endpoint answered {status}"), is_worth_another_try);
    Err(Failure { not_before_us, ..failure })
}

async fn find(cx: &Ctx, arn: &TargetArn) -> Result<(ApiDestination, Connection), Failure> {
    let gone = || Undelivered::NotFound(arn.to_string());
    let named = arn.resource().strip_prefix("api-destination/").and_then(|rest| rest.split_once('/'));
    let (name, id) = named.ok_or_else(gone)?;
    let snapshot = cx.kv.snapshot().await?;
    let key = (arn.account().to_owned(), arn.region().to_owned(), name.to_owned());
    let destination = API_DESTINATIONS.get(&snapshot, &key)?.filter(|destination| destination.id == id);
    let destination = destination.ok_or_else(gone)?;
    let connection = connection::by_arn(&snapshot, &destination.connection)?;
    let connection = connection.ok_or_else(|| Undelivered::NotFound(destination.connection.clone()))?;
    Ok((destination, connection))
}

/// Takes a place among the requests of this second.
///
/// # Errors
/// When there is none: the moment at which there is. That is no try of the event's.
fn turn(cx: &Ctx, destination: &ApiDestination) -> Result<(), Failure> {
    let (now, each) = (cx.env.now().as_micros(), BURST_US / i64::from(destination.rate()));
    let mut paces = cx.state.paces.lock().expect("no panic while held");
    let paced = paces.entry(destination.id.clone()).or_insert(now);
    let next = (*paced).max(now) + each.max(1);
    if next - now > BURST_US {
        let failure =
            Failure::new("THROTTLING", "the API destination takes no more in this second".to_owned(), true);
        return Err(Failure { not_before_us: Some(next - BURST_US), is_no_try: true, ..failure });
    }
    *paced = next;
    Ok(())
}

fn unreached(error: Error) -> Failure {
    let code = match error {
        Error::TimedOut => "TIMEOUT",
        Error::Invalid(_) => "INVALID_PARAMETER",
        Error::Unreachable(_) | Error::TooLarge(_) => "CONNECTION_FAILURE",
    };
    Failure::new(code, error.to_string(), !matches!(error, Error::Invalid(_)))
}

/// All but OAuth's token. Where the connection and the target have a header or a query parameter of one name, the
/// connection's holds.
fn request(
    destination: &ApiDestination,
    connection: &Connection,
    authorization: &Authorization,
    target: &Target,
    event: &Json,
    payload: String,
) -> Result<Request<Bytes>, String> {
    let from_target = target.http.clone().unwrap_or_default();
    let mut values = from_target.path.iter().map(|value| resolved(value, event));
    let mut url = String::new();
    for part in destination.endpoint.split_inclusive('*') {
        match (part.strip_suffix('*'), part.ends_with('*').then(|| values.next()).flatten()) {
            (Some(before), Some(value)) => {
                url.push_str(before);
                url.extend(utf8_percent_encode(&value, UNRESERVED));
            }
            _ => url.push_str(part),
        }
    }
    let mut query = from_target
        .query
        .iter()
        .map(|(key, value)| (key.as_str(), resolved(value, event)))
        .collect::<Vec<_>>();
    for Parameter { key, value, .. } in &connection.parameters.query {
        query.retain(|(known, _)| known != key);
        query.push((key, Cow::Borrowed(value)));
    }
    let query = query.iter().map(|(key, value)| (*key, &**value)).collect::<Vec<_>>();
    let mut headers = HeaderMap::new();
    let mut set = |name: &str, value: &str| {
        let name = name.parse::<HeaderName>().map_err(|error| error.to_string())?;
        headers.insert(name, HeaderValue::from_str(value).map_err(|error| error.to_string())?);
        Ok::<_, String>(())
    };
    set("content-type", "application/json; charset=utf-8")?;
    for (name, value) in &from_target.headers {
        set(name, &resolved(value, event))?;
    }
    for Parameter { key, value, .. } in &connection.parameters.headers {
        set(key, value)?;
    }
    match authorization {
        Authorization::Basic { username, password } => {
            set("authorization", &format!("Basic {}", BASE64.encode(format!("{username}:{password}"))))?;
        }
        Authorization::ApiKey { name, value } => set(name, value)?,
        Authorization::OAuth(_) => {}
    }
    // These are EventBridge's own, whatever anybody sets.
    set("user-agent", AGENT)?;
    set("range", "bytes=0-1048575")?;
    set("accept-encoding", "gzip,deflate")?;
    set("connection", "close")?;
    let method = destination.method.parse::<Method>().map_err(|error| error.to_string())?;
    let has_body = !matches!(method, Method::GET | Method::HEAD);
    let body = if has_body { with_fields(payload, &connection.parameters.body).into() } else { Bytes::new() };
    let request = Request::builder().method(method).uri(with_query(url, &query)).body(body);
    let mut request = request.map_err(|error| error.to_string())?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// What a parameter of a target's stands for: itself, or what the event has at the path.
fn resolved<'a>(value: &'a str, event: &Json) -> Cow<'a, str> {
    match value.starts_with("$.").then(|| Path::parse(value)).flatten() {
        Some(path) => match path.find(event) {
            Some(Json::String(text)) => text.into(),
            Some(Json::Null) | None => "".into(),
            Some(other) => other.to_string().into(),
        },
        None => value.into(),
    }
}

pub(crate) fn with_query(mut url: String, query: &[(&str, &str)]) -> String {
    for (key, value) in query {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.extend(utf8_percent_encode(key, UNRESERVED));
        url.push('=');
        url.extend(utf8_percent_encode(value, UNRESERVED));
    }
    url
}

/// A connection's body parameters are fields of the body, where that is an object.
fn with_fields(payload: String, fields: &[Parameter]) -> String {
    if fields.is_empty() {
        return payload;
    }
    let Ok(Json::Object(mut body)) = serde_json::from_str::<Json>(&payload) else { return payload };
    body.extend(fields.iter().map(|field| (field.key.clone(), field.value.clone().into())));
    Json::Object(body).to_string()
}
