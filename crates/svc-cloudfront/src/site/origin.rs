//! Asks an origin: a bucket or another site of this platform without a detour over the network, everything else by HTTP.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use aws_wire::{Body, Request, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::BodyExt as _;
use http_client::Error;
use service::{Caller, Principal, Sender, Visit};

use super::key::OWN;
use super::page::Refusal;
use crate::Ctx;
use crate::distribution::arn;
use crate::plan::{Access, Origin, Plan, Server, s3_bucket};

const PRINCIPAL: &str = "cloudfront.amazonaws.com";
/// How long a bucket may take, which says nothing of that itself.
const S3_READ_S: u64 = 30;

/// A request on its way to an origin.
#[derive(Clone)]
pub(super) struct Outgoing {
    pub method: Method,
    /// Percent-encoded, without the origin's own path.
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// # Errors
/// 502 where it can't be reached, 504 where it takes too long.
pub(super) async fn ask(
    cx: &Ctx,
    plan: &Plan,
    visit: &Visit,
    origin: &Origin,
    mut outgoing: Outgoing,
) -> Result<Response, Refusal> {
    for (name, value) in &origin.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()))
        {
            outgoing.headers.insert(name, value);
        }
    }
    outgoing.path = format!("{}{}", origin.path, outgoing.path);
    let bucket = s3_bucket(&origin.domain);
    let request = Request {
        method: outgoing.method,
        path: outgoing.path,
        query: outgoing.query,
        headers: outgoing.headers,
        body: outgoing.body,
    };
    let read_s = origin.server.as_ref().map_or(S3_READ_S, |server| server.read_s);
    let answered = async {
        let named = Request { headers: with_host(&request.headers, &origin.domain), ..copy(&request) };
        if let Some((site, signed_for)) = cx.site(&named) {
            return Ok(visit_site(cx, visit, site, signed_for, named).await);
        }
        if let Some(bucket) = bucket {
            return Ok(ask_bucket(cx, plan, origin, bucket, request).await);
        }
        match &origin.server {
            Some(server) => ask_server(cx, origin, server, request).await,
            None => Err(unreachable(&origin.domain)),
        }
    };
    let mut response = tokio::select! {
        answered = answered => answered?,
        () = cx.env.sleep(Duration::from_secs(read_s + origin.connect_s * u64::from(origin.attempts))) => {
            return Err(too_slow());
        }
    };
    for name in OWN.iter().filter(|name| **name != "content-length") {
        response.headers.remove(*name);
    }
    Ok(response)
}

fn copy(request: &Request) -> Request {
    Request {
        method: request.method.clone(),
        path: request.path.clone(),
        query: request.query.clone(),
        headers: HeaderMap::new(),
        body: request.body.clone(),
    }
}

fn with_host(headers: &HeaderMap, domain: &str) -> HeaderMap {
    let mut headers = headers.clone();
    if let Ok(host) = HeaderValue::try_from(domain) {
        headers.insert("host", host);
    }
    headers
}

fn unreachable(domain: &str) -> Refusal {
    Refusal::new(502, format!("CloudFront wasn't able to connect to the origin {domain}."))
}

fn too_slow() -> Refusal {
    Refusal::new(504, "CloudFront attempted to establish a connection with the origin, but it took too long.")
}

/// A website, a function's URL, an API or a load balancer of this platform. Who signs, signs as to the site itself.
async fn visit_site(
    cx: &Ctx,
    visit: &Visit,
    site: Arc<dyn service::Site>,
    signed_for: &'static str,
    mut request: Request,
) -> Response {
    if request.body.len() > site.body_bytes_max() {
        return site.too_large().unwrap_or_else(|| Response::empty(413));
    }
    let identity = visit.authenticator.authenticate(signed_for, &mut request, cx.env.now()).await;
    let caller = identity.map(|identity| {
        let principal = Principal { arn: identity.arn, user_id: identity.user_id };
        Caller { account: identity.account, region: identity.region, principal: principal.into() }
    });
    let inner = Visit {
        request,
        peer: visit.peer,
        caller,
        authenticator: Arc::clone(&visit.authenticator),
        upgrade: Mutex::new(None),
    };
    let cx = cx.stateless().with_request_id(cx.env.uuid().to_string().into());
    site.answer(cx, inner).await
}

/// A bucket as the one who the distribution is for it: its policy is asked.
async fn ask_bucket(cx: &Ctx, plan: &Plan, origin: &Origin, bucket: &str, mut request: Request) -> Response {
    let signed = request.headers.contains_key("authorization");
    let region = cx.caller.region.to_string();
    request.path = format!("/{bucket}{}", request.path);
    request.headers.remove("authorization");
    let own = cx.stateless().with_request_id(cx.env.uuid().to_string().into());
    let cx = match &origin.access {
        // Who signed for themselves has no way in here: the distribution's host is not the bucket's.
        Access::Control { viewer_first: true } if signed => own.as_caller(Caller::anonymous(&region)),
        Access::Anonymous => own.as_caller(Caller::anonymous(&region)),
        Access::Control { .. } => own.as_service(Sender {
            service: PRINCIPAL.to_owned(),
            source_arn: arn(&plan.account, &plan.id),
            source_account: plan.account.clone(),
            role: None,
        }),
        Access::Identity { arn, canonical_user } => {
            let principal = Principal { arn: arn.clone(), user_id: canonical_user.clone() };
            own.as_caller(Caller {
                account: aws_auth::policy::ACCESS_IDENTITIES.into(),
                region: region.as_str().into(),
                principal: principal.into(),
            })
        }
    };
    cx.answer(&api_s3::SERVICE, request).await
}

async fn ask_server(
    cx: &Ctx,
    origin: &Origin,
    server: &Server,
    request: Request,
) -> Result<Response, Refusal> {
    let (scheme, default) = if server.is_tls { ("https", 443) } else { ("http", 80) };
    let port = server.port();
    let authority = if port == default { origin.domain.clone() } else { format!("{}:{port}", origin.domain) };
    let mark = if request.query.is_empty() { "" } else { "?" };
    let uri = format!("{scheme}://{authority}{}{mark}{}", request.path, request.query);
    let uri = uri.parse::<Uri>().map_err(|_| unreachable(&origin.domain))?;
    let mut failed = None;
    for _ in 0..origin.attempts {
        let mut outgoing = http::Request::new(request.body.clone());
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = uri.clone();
        *outgoing.headers_mut() = request.headers.clone();
        // Where no policy says otherwise, the host is the origin's, with its port.
        if request.header("host") == Some(&origin.domain) {
            outgoing.headers_mut().remove("host");
        }
        let timeout = Duration::from_secs(server.read_s);
        match cx.state.client.open(&cx.env, outgoing, timeout).await {
            Ok(answer) => return Ok(incoming(answer)),
            Err(Error::TimedOut) => return Err(too_slow()),
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed {
        tracing::debug!(%uri, %error, "an origin did not answer");
    }
    Err(unreachable(&origin.domain))
}

fn incoming<B>(answer: http::Response<B>) -> Response
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = answer.into_parts();
    let pieces = body.into_data_stream().map(|piece| piece.map_err(std::io::Error::other));
    Response { status: parts.status.as_u16(), headers: parts.headers, body: Body::pieces(pieces) }
}
