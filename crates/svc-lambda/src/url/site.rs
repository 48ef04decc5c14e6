//! The road of a request to a function's URL: find the URL, answer browsers, check who asks, invoke, answer.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use api_lambda::errors;
use aws_auth::Scope;
use aws_wire::protocol::encode_error;
use aws_wire::rest::insert_header;
use aws_wire::{AwsError, Body, Request, Response, Result};
use bytes::{Bytes, BytesMut};
use execution::{AnswerStream, Invocation, Outcome, PAYLOAD_BYTES_MAX, Streamed, Version};
use futures_util::stream;
use http_event::answer::{self, Head};
use http_event::{Arrival, format_2};
use serde_json::{Value as Json, json};
use service::{Caller, Site, Visit};

use super::{Auth, FunctionUrl, Mode, UrlOwner, cors, host};
use crate::keys::{URL_OWNERS, URLS};
use crate::name::{FunctionName, LATEST};
use crate::ops::invoke::{self, refused};
use crate::trace::Trace;
use crate::{Ctx, Lambda};

/// Where URLs are for clients that do not resolve names below `localhost`.
const PATH: &str = "/_url/";
/// The content type of a stream that begins with status and headers.
const PRELUDE_TYPE: &str = "application/vnd.awslambda.http-integration-response";
/// What ends them.
const PRELUDE_END: [u8; 8] = [0; 8];
const PRELUDE_BYTES_MAX: usize = 16 * 1024;

/// Every function URL, by host (`<id>.lambda-url.<region>.…`) or by path (`/_url/<id>/…`).
pub(crate) struct UrlSite(pub Arc<Lambda>);

impl Site for UrlSite {
    fn claims(&self, request: &Request) -> bool {
        address(request).is_some()
    }

    fn body_bytes_max(&self) -> usize {
        PAYLOAD_BYTES_MAX
    }

    fn answer(&self, cx: service::Ctx, visit: Visit) -> Pin<Box<dyn Future<Output = Response> + Send>> {
        let cx = cx.with_state(Arc::clone(&self.0));
        Box::pin(async move {
            let request_id = Arc::clone(&cx.request_id);
            let mut response = serve(cx, visit).await.unwrap_or_else(|error| {
                if error.status >= 500 {
                    tracing::error!(request_id = &*request_id, cause = ?error.cause, "a URL failed");
                }
                encode_error(api_lambda::SERVICE.protocols[0], &api_lambda::SERVICE, &error, &request_id)
            });
            insert_header(&mut response.headers, "x-amzn-requestid", &request_id);
            response
        })
    }
}

/// The id that a request names, and the path below its URL.
fn address(request: &Request) -> Option<(&str, &str)> {
    if let Some(rest) = request.path.strip_prefix(PATH) {
        let end = rest.find('/').unwrap_or(rest.len());
        let (id, path) = rest.split_at(end);
        return Some((id, if path.is_empty() { "/" } else { path }));
    }
    let mut labels = request.header("host")?.split('.');
    let id = labels.next()?;
    // A host's name has no case.
    let is_url = labels.next().is_some_and(|label| label.eq_ignore_ascii_case("lambda-url"));
    is_url.then_some((id, request.path.as_str()))
}

async fn serve(cx: Ctx, visit: Visit) -> Result<Response> {
    let Some((id, path)) = address(&visit.request) else { return Err(no_such_url()) };
    let (url, owner) = find(&cx, &id.to_ascii_lowercase()).await?;
    let cx = cx.as_caller(Caller::root(&owner.account, &owner.region));
    let origin = visit.request.header("origin");
    if let Some(cors) = url.cors.as_ref().filter(|_| cors::is_preflight(&visit.request)) {
        let mut response = Response::empty(200);
        cors.preflight(&visit.request, &mut response.headers);
        return Ok(response);
    }
    // Also where any key is taken for good: a URL that wants a signature wants one for Lambda.
    let scope = Scope::of(&visit.request).filter(|scope| scope.service == api_lambda::SERVICE.name);
    let signer = match (url.auth, &visit.caller, &scope) {
        (Auth::Anybody, ..) => None,
        (Auth::Iam, Ok(caller), Some(scope)) => Some((caller, scope.access_key_id.as_str())),
        (Auth::Iam, Err(error), Some(_)) if error.status != 403 => return Ok(unreadable_signature(error)),
        (Auth::Iam, ..) => return Ok(forbidden()),
    };
    let trace = Trace::begin(visit.request.header("x-amzn-trace-id"), &cx.env);
    let trace_id = trace.to_string();
    let none = BTreeMap::new();
    let route = format_2::Route {
        account: signer.map_or("anonymous", |(caller, _)| &*caller.account),
        api_id: &url.id,
        key: "$default",
        stage: "$default",
        path,
        path_parameters: &none,
        stage_variables: &none,
        authorizer: signer.map(|(caller, access_key_id)| iam(caller, access_key_id)),
    };
    let arrival = Arrival {
        domain_name: &host(&url.id, &owner.region),
        request_id: &cx.request_id,
        trace_id: &trace_id,
        port: cx.state.port,
        peer: visit.peer,
        now: cx.env.now(),
    };
    let event = format_2::event(&visit.request, &route, &arrival);
    let (version, invocation) = invocation(&cx, &owner, http_event::payload(&event).into(), &trace).await?;
    let mut response = invoke(&cx, url.mode, &version, invocation).await?;
    insert_header(&mut response.headers, "x-amzn-trace-id", &trace_id);
    if let Some(cors) = &url.cors {
        cors.allow(origin, &mut response.headers);
    }
    Ok(response)
}

/// Who signed, as the event tells it.
fn iam(caller: &Caller, access_key_id: &str) -> Json {
    json!({ "iam": {
        "accessKey": access_key_id,
        "accountId": &*caller.account,
        "callerId": caller.principal.user_id,
        "cognitoIdentity": null,
        "principalOrgId": null,
        "userArn": caller.principal.arn,
        "userId": caller.principal.user_id,
    } })
}

async fn find(cx: &Ctx, id: &str) -> Result<(FunctionUrl, UrlOwner)> {
    let snapshot = cx.kv.snapshot().await?;
    let owner = URL_OWNERS.get(&snapshot, &id.to_owned())?.ok_or_else(no_such_url)?;
    let url = URLS.get(&snapshot, &owner.key())?.ok_or_else(no_such_url)?;
    Ok((url, owner))
}

async fn invocation(
    cx: &Ctx,
    owner: &UrlOwner,
    payload: Bytes,
    trace: &Trace,
) -> Result<(Arc<Version>, Invocation)> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        // The body was in bounds, but not what became of it in JSON.
        return Err(AwsError::common("RequestEntityTooLargeException", 413, "Request Entity Too Large"));
    }
    let qualifier = Some(owner.qualifier.as_str()).filter(|qualifier| *qualifier != LATEST);
    let name = FunctionName::parse(&cx.caller, &owner.function, qualifier)?;
    let target = cx.state.versions.get(cx, &name).await?;
    let invocation = invoke::invocation(cx, &name, &target, payload, None, trace).await?;
    Ok((Arc::clone(target.pick(&cx.env)), invocation))
}

async fn invoke(cx: &Ctx, mode: Mode, version: &Arc<Version>, invocation: Invocation) -> Result<Response> {
    let streamed = match mode {
        Mode::Buffered => {
            let outcome = cx.state.pools.invoke(version, invocation).await.map_err(refused)?;
            if outcome.failed {
                return Ok(failed(&outcome));
            }
            return Ok(answer::buffered(&outcome.payload).unwrap_or_else(bad_gateway));
        }
        Mode::Streamed => cx.state.pools.stream(version, invocation).await.map_err(refused)?,
    };
    Ok(match streamed {
        Streamed::Whole(outcome) if outcome.failed => failed(&outcome),
        Streamed::Whole(outcome) => Head::of_type("application/json").with_body("", outcome.payload),
        Streamed::Begun(answer) => begun(answer).await,
    })
}

/// The answer to a client of a stream that has begun.
async fn begun(mut answer: AnswerStream) -> Response {
    let media_type = answer.content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(PRELUDE_TYPE) {
        return Head::of_type(&answer.content_type).with_body("", passed_on(Bytes::new(), answer));
    }
    let mut read = BytesMut::new();
    loop {
        let end = read.windows(PRELUDE_END.len()).position(|window| *window == PRELUDE_END);
        if let Some(end) = end {
            let head = Head::from_prelude(&read[..end]);
            let first = read.split_off(end + PRELUDE_END.len()).freeze();
            return match head {
                Some(head) => head.with_body("application/octet-stream", passed_on(first, answer)),
                None => bad_gateway(),
            };
        }
        if read.len() > PRELUDE_BYTES_MAX {
            return bad_gateway();
        }
        match answer.next().await {
            Some(bytes) => read.extend_from_slice(&bytes),
            None => return failed(&answer.outcome().await),
        }
    }
}

/// `first` and the rest of an answer. One that fails breaks off, which HTTP lets a client tell from an end.
fn passed_on(first: Bytes, answer: AnswerStream) -> Body {
    let rest = stream::unfold((first, Some(answer)), |(first, answer)| async move {
        let mut answer = answer?;
        if !first.is_empty() {
            return Some((Ok(first), (Bytes::new(), Some(answer))));
        }
        if let Some(bytes) = answer.next().await {
            return Some((Ok(bytes), (Bytes::new(), Some(answer))));
        }
        let outcome = answer.outcome().await;
        let broken = || std::io::Error::other("the function failed while it answered");
        outcome.failed.then(|| (Err(broken()), (Bytes::new(), None)))
    });
    Body::pieces(rest)
}

fn failed(outcome: &Outcome) -> Response {
    if outcome.error_type.as_deref() == Some("Sandbox.Timedout") {
        return plain(504, "Gateway Timeout");
    }
    bad_gateway()
}

fn bad_gateway() -> Response {
    plain(502, "Internal Server Error")
}

fn plain(status: u16, text: &str) -> Response {
    let mut response = Response::empty(status);
    insert_header(&mut response.headers, "content-type", "application/json");
    response.body = text.to_owned().into();
    response
}

/// AWS says the same whether nobody signed or somebody who may not.
fn forbidden() -> Response {
    let mut response = plain(
        403,
        r#"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#,
    );
    insert_header(&mut response.headers, "x-amzn-errortype", "AccessDeniedException");
    response
}

/// A signature that says nothing at all, such as one with parts missing.
fn unreadable_signature(error: &AwsError) -> Response {
    let body = serde_json::json!({ "message": error.message });
    let mut response = plain(error.status, &body.to_string());
    insert_header(&mut response.headers, "x-amzn-errortype", &error.code);
    response
}

fn no_such_url() -> AwsError {
    let mut error = errors::resource_not_found_exception("");
    error.message = None;
    error
}
