//! HTTP servers behind routes: the request goes on as it came, the answer comes back as it is.

use std::time::Duration;

use aws_wire::rest::insert_header;
use aws_wire::{Request, Response};
use execute_api::outbound::Error;
use execute_api::{BODY_BYTES_MAX, answer, function};
use http::{HeaderMap, Method, Uri};

use super::{Ctx, Passage, internal, unavailable};
use crate::integration::Integration;

/// What is between two neighbours only.
const HOP_BY_HOP: [&str; 9] = [
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
    if !request.query.is_empty() {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        uri.push_str(&request.query);
    }
    let method = integration.method.as_deref().filter(|method| *method != "ANY");
    let method = method.unwrap_or(request.method.as_str());
    let mut outgoing = http::Request::new(request.body.clone());
    *outgoing.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
    *outgoing.uri_mut() = uri.parse::<Uri>().ok()?;
    *outgoing.headers_mut() = headers(request, passage);
    Some(outgoing)
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
