//! HTTP servers behind routes: the request goes on as it came, the answer comes back as it is.

use std::time::Duration;

use aws_wire::rest::insert_header;
use aws_wire::{Request, Response};
use execute_api::{BODY_BYTES_MAX, answer, function};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_client::Error;
use http_event::parts;

use super::{Ctx, Passage, internal, unavailable};
use crate::integration::Integration;
use crate::mapping::{self, Action, Place};

/// What is between two neighbours only.
pub(crate) const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) async fn ask(cx: &Ctx, passage: &Passage<'_>, integration: &Integration) -> Response {
    let Some(request) = outgoing(passage, integration) else { return internal() };
    let timeout = Duration::from_millis(u64::try_from(integration.timeout_ms).unwrap_or_default());
    match cx.state.client.send(&cx.env, request, timeout, BODY_BYTES_MAX).await {
        Ok(answer) => incoming(answer),
        Err(Error::TooLarge(_)) => answer::message(413, "Response Entity Too Large"),
        Err(error) => {
            tracing::debug!(uri = integration.uri, %error, "an HTTP API's server did not answer");
            unavailable()
        }
    }
}

fn outgoing(passage: &Passage<'_>, integration: &Integration) -> Option<http::Request<bytes::Bytes>> {
    let request = &passage.visit.request;
    let mut uri = function::with_variables(&integration.uri, &passage.found.stage.variables);
    for (name, value) in &passage.path_parameters {
        // A greedy variable has slashes, which stay.
        let value = value.split('/').map(encoded).collect::<Vec<_>>().join("/");
        uri = uri.replace(&format!("{{{name}}}"), &value).replace(&format!("{{{name}+}}"), &value);
    }
    let mut headers = headers(request, passage);
    let mut query = request.query.clone();
    for (key, text) in &integration.request_parameters {
        let found = mapping::value(text, |name| passage.variable(name));
        match (mapping::read(key), found) {
            (Some((Action::Remove, Place::Header(name))), _) => drop(headers.remove(name)),
            (Some((action, Place::Header(name))), Some(value)) => {
                map_header(&mut headers, action, name, &value)
            }
            (Some((action, Place::Query(name))), value) => map_query(&mut query, action, name, value),
            (Some((_, Place::Path)), Some(path)) => uri = with_path(&uri, &path),
            _ => {}
        }
    }
    let method = integration.method.as_deref().filter(|method| *method != "ANY");
    let method = method.unwrap_or(request.method.as_str());
    uri = with_query(&uri, &query);
    let mut outgoing = http::Request::new(request.body.clone());
    *outgoing.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *outgoing.uri_mut() = uri.parse::<Uri>().ok()?;
    *outgoing.headers_mut() = headers;
    Some(outgoing)
}

/// Changes an answer as the integration's mappings for its status say.
pub(super) fn map_answer(passage: &Passage<'_>, integration: &Integration, response: &mut Response) {
    let Some(mappings) = integration.response_parameters.get(&response.status.to_string()) else { return };
    let before = response.headers.clone();
    let variable = |name: &str| match name.strip_prefix("response.header.") {
        Some(name) => before.get(name)?.to_str().ok().map(str::to_owned),
        None => passage.variable(name),
    };
    for (key, text) in mappings {
        match (mapping::read(key), mapping::value(text, variable)) {
            (Some((Action::Remove, Place::Header(name))), _) => drop(response.headers.remove(name)),
            (Some((action, Place::Header(name))), Some(value)) => {
                map_header(&mut response.headers, action, name, &value);
            }
            (Some((_, Place::Status)), Some(status)) => {
                let status = status.parse().ok().filter(|status| (200..600).contains(status));
                response.status = status.unwrap_or(response.status);
            }
            _ => {}
        }
    }
}

fn map_header(headers: &mut HeaderMap, action: Action, name: &str, value: &str) {
    let (Ok(name), Ok(value)) =
        (HeaderName::try_from(name.to_ascii_lowercase()), HeaderValue::try_from(value))
    else {
        return;
    };
    if action == Action::Append {
        headers.append(name, value);
    } else {
        headers.insert(name, value);
    }
}

fn map_query(query: &mut String, action: Action, name: &str, value: Option<String>) {
    if action != Action::Append {
        let is_other = |field: &&str| parts::decoded(field.split('=').next().unwrap_or_default()) != name;
        *query = query.split('&').filter(is_other).collect::<Vec<_>>().join("&");
    }
    if let Some(value) = value.filter(|_| action != Action::Remove) {
        let separator = if query.is_empty() { "" } else { "&" };
        query.push_str(&format!("{separator}{}={}", encoded(name), encoded(&value).replace('&', "%26")));
    }
}

/// The same URL with more of a query.
pub(crate) fn with_query(uri: &str, query: &str) -> String {
    let separator = match (query.is_empty(), uri.contains('?')) {
        (true, _) => "",
        (false, true) => "&",
        (false, false) => "?",
    };
    format!("{uri}{separator}{query}")
}

/// The same URL with another path.
fn with_path(uri: &str, path: &str) -> String {
    let begin = uri.find("://").map_or(0, |at| at + 3);
    let (host, rest) = uri.split_at(uri[begin..].find('/').map_or(uri.len(), |at| begin + at));
    let query = rest.find('?').map_or("", |at| &rest[at..]);
    format!("{host}/{}{query}", path.trim_start_matches('/'))
}

fn headers(request: &Request, passage: &Passage<'_>) -> HeaderMap {
    let mut headers = request.headers.clone();
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove("content-length");
    if !request.body.is_empty() {
        insert_header(&mut headers, "content-length", &request.body.len().to_string());
    }
    let peer = passage.arrival.source_ip();
    let host = passage.arrival.domain_name;
    insert_header(&mut headers, "forwarded", &format!("by={host};for={peer};host={host};proto=http"));
    insert_header(&mut headers, "via", "HTTP/1.1 AmazonAPIGateway");
    insert_header(&mut headers, "x-amzn-trace-id", passage.arrival.trace_id);
    headers
}

fn incoming(answer: http::Response<bytes::Bytes>) -> Response {
    let mut response = Response::empty(answer.status().as_u16());
    response.headers = answer.headers().clone();
    for name in HOP_BY_HOP {
        response.headers.remove(name);
    }
    response.headers.remove("content-length");
    response.body = answer.into_body().into();
    response
}

fn encoded(segment: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
    let mut text = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
