//! What S3 is asked that no operation of its API is: browsers' uploads by form, their preflights, websites.

use std::sync::Arc;

use aws_auth::Scope;
use aws_wire::schema::Protocol;
use aws_wire::{AwsError, Request, Response, Result, protocol};
use http::Method;
use percent_encoding::percent_decode_str;
use service::{Head, Pending, Site, Visit};

use crate::cors::{self, Wish, text};
use crate::edge::{self, bucket_of_host};
use crate::{State, errors, post_form, website};

/// The largest form. What is larger has `PutObject`, which takes bodies as they come.
const FORM_BYTES_MAX: usize = 70_000_000;

pub(crate) struct S3Site {
    pub state: Arc<State>,
}

impl Site for S3Site {
    fn claims(&self, request: &Request) -> bool {
        kind(request).is_some()
    }

    fn body_bytes_max(&self) -> usize {
        FORM_BYTES_MAX
    }

    fn answer(&self, cx: service::Ctx, visit: Visit) -> Pending<Response> {
        let cx = cx.with_state(Arc::clone(&self.state));
        Box::pin(async move {
            let mut head = Head::of(&visit.request);
            let request_id = Arc::clone(&cx.request_id);
            let answered = match kind(&visit.request) {
                Some(Kind::Preflight) => preflight(&cx, &visit.request).await,
                Some(Kind::Website(bucket)) => {
                    let bucket = bucket.to_owned();
                    website::answer(&cx, &bucket, visit).await
                }
                Some(Kind::Form) | None => {
                    head.path = format!("/{}", bucket_of(&visit.request));
                    let finisher = cx.clone();
                    let answered = post_form::answer(cx, visit).await;
                    let response = answered.unwrap_or_else(|error| refuse(&error, &request_id));
                    let stateless = finisher.with_state(Arc::new(()));
                    return service::Edge::finish(&edge::S3Edge, stateless, head, response).await;
                }
            };
            let response = answered.unwrap_or_else(|error| refuse(&error, &request_id));
            edge::finish(&request_id, &head, response)
        })
    }
}

fn refuse(error: &AwsError, request_id: &str) -> Response {
    protocol::encode_error(Protocol::RestXml, &api_s3::SERVICE, error, request_id)
}

enum Kind<'r> {
    Preflight,
    Form,
    Website(&'r str),
}

fn kind(request: &Request) -> Option<Kind<'_>> {
    let host = request.header("host").unwrap_or_default();
    if let Some(bucket) = website::bucket_of_host(host) {
        return Some(Kind::Website(bucket));
    }
    // Addresses of other services' sites have labels of theirs.
    let name = host.split(':').next().unwrap_or_default();
    let elsewhere = bucket_of_host(host, Some("s3")).is_none()
        && name.contains('.')
        && name.parse::<std::net::IpAddr>().is_err();
    if elsewhere || [".lambda-url.", ".execute-api."].iter().any(|label| name.contains(label)) {
        return None;
    }
    if request.method == Method::OPTIONS && request.header("access-control-request-method").is_some() {
        return Some(Kind::Preflight);
    }
    let is_form = || {
        let kind = request.header("content-type");
        request.method == Method::POST && kind.is_some_and(|kind| kind.starts_with("multipart/form-data"))
    };
    let is_bucket = || !bucket_of(request).is_empty() && key_of(request).is_empty();
    let unsigned = || Scope::of(request).is_none() && request.query.is_empty();
    (is_form() && is_bucket() && unsigned()).then_some(Kind::Form)
}

fn path(request: &Request) -> String {
    let host = request.header("host").unwrap_or_default();
    let path = match bucket_of_host(host, Some("s3")) {
        None | Some("") => request.path.clone(),
        Some(bucket) => format!("/{bucket}{}", request.path),
    };
    percent_decode_str(&path).decode_utf8_lossy().into_owned()
}

/// The bucket that a request's host or path names.
pub(crate) fn bucket_of(request: &Request) -> String {
    path(request).trim_start_matches('/').split('/').next().unwrap_or_default().to_owned()
}

fn key_of(request: &Request) -> String {
    let path = path(request);
    path.trim_start_matches('/').split_once('/').map(|(_, key)| key.to_owned()).unwrap_or_default()
}

async fn preflight(cx: &crate::Ctx, request: &Request) -> Result<Response> {
    let forbidden = |message: &str| errors::other(403, "AccessForbidden", message);
    let origin = text(&request.headers, "origin").ok_or_else(|| {
        errors::other(400, "BadRequest", "Insufficient information. Origin request header needed.")
    })?;
    let headers = text(&request.headers, "access-control-request-headers").unwrap_or_default();
    let headers = headers.split(',').map(|name| name.trim().to_ascii_lowercase());
    let wish = Wish {
        origin,
        method: text(&request.headers, "access-control-request-method").unwrap_or_default(),
        headers: headers.filter(|name| !name.is_empty()).collect(),
    };
    let rules = cors::rules(&cx.kv.snapshot().await?, &bucket_of(request))?;
    let rules = rules.ok_or_else(|| forbidden("CORSResponse: CORS is not enabled for this bucket."))?;
    let rule = cors::find(&rules, &wish).ok_or_else(|| {
        forbidden(
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request \
             method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the \
             resource's CORS spec.",
        )
    })?;
    let mut response = Response::empty(200);
    cors::allow(rule, &wish, &mut response);
    aws_wire::rest::insert_header(&mut response.headers, "x-amz-request-id", &cx.request_id);
    Ok(response)
}
