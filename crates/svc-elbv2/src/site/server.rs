//! Forwarding to servers: chooses one that is well, sends the request on, and its answer back as it comes.

use aws_wire::rest::insert_header;
use aws_wire::{Body, Response, Result};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::{HeaderName, HeaderValue, Uri};
use http_body_util::BodyExt as _;
use http_client::Error;

use super::{Passage, refusal};
use crate::server::{Server, Servers, cookies, shown_ticket, ticket};
use crate::target_group::TargetGroup;
use crate::{Ctx, attributes, health};

/// What is between two neighbours only.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) async fn ask(
    cx: &Ctx,
    passage: &Passage<'_>,
    (arn, group, servers): (&str, &TargetGroup, &Servers),
    headers: Vec<(String, Vec<String>)>,
) -> Result<Response> {
    let request = &passage.visit.request;
    let Some((id, server)) = choose(cx, arn, group, servers, request.header("cookie")) else {
        return Ok(refusal(503));
    };
    let Some(outgoing) = outgoing(passage, server, headers) else { return Ok(refusal(400)) };
    let timeout = attributes::idle_timeout(&passage.balancer.attributes);
    let answer = match cx.state.client.open(&cx.env, outgoing, timeout).await {
        Ok(answer) => answer,
        Err(Error::TimedOut) => return Ok(refusal(504)),
        Err(error) => {
            tracing::debug!(server = id, %error, "a load balancer's server did not answer");
            return Ok(refusal(502));
        }
    };
    let (head, body) = answer.into_parts();
    let mut response = Response::empty(head.status.as_u16());
    response.headers = head.headers;
    for name in HOP_BY_HOP {
        response.headers.remove(name);
    }
    for cookie in cookies(arn, group, id, cx.env.now()) {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            response.headers.append("set-cookie", value);
        }
    }
    response.body = Body::pieces(body.into_data_stream().map_err(std::io::Error::other));
    Ok(response)
}

/// The server that the client's cookie names, else the next; of those that are well, if any is.
fn choose<'a>(
    cx: &Ctx,
    arn: &str,
    group: &TargetGroup,
    servers: &'a Servers,
    cookie: Option<&str>,
) -> Option<(&'a String, &'a Server)> {
    let all = servers.in_service().collect::<Vec<_>>();
    let well = all.iter().copied().filter(|(id, _)| health::is_well(cx, arn, group, id)).collect::<Vec<_>>();
    let able = if well.is_empty() { all } else { well };
    if attributes::sticky_for(&group.attributes).is_some()
        && let Some(shown) = cookie.and_then(shown_ticket)
        && let Some(known) = able.iter().find(|(id, _)| ticket(arn, id) == shown)
    {
        return Some(*known);
    }
    if able.is_empty() { None } else { Some(able[cx.state.turns.next(arn, able.len())]) }
}

/// The request as the server gets it.
fn outgoing(
    passage: &Passage<'_>,
    server: &Server,
    headers: Vec<(String, Vec<String>)>,
) -> Option<http::Request<Bytes>> {
    let request = &passage.visit.request;
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let mut outgoing = http::Request::new(request.body.clone());
    *outgoing.method_mut() = request.method.clone();
    *outgoing.uri_mut() = format!("http://{}{}{query}", server.address, passage.path).parse::<Uri>().ok()?;
    let sent = outgoing.headers_mut();
    for (name, values) in headers.into_iter().filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str())) {
        let name = HeaderName::try_from(name).ok()?;
        for value in values {
            sent.append(name.clone(), HeaderValue::try_from(value).ok()?);
        }
    }
    sent.remove("content-length");
    if !request.body.is_empty() {
        insert_header(sent, "content-length", &request.body.len().to_string());
    }
    Some(outgoing)
}
