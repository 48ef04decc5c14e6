//! The Runtime API (2018-06-01), as one environment's runtime calls it over its own listener.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::corked::Corked;
use crate::environment::{Environment, Restore, Work};
use crate::extensions_api;
use crate::invocation::Failure;
use crate::limits::RESPONSE_BYTES_MAX;
use crate::state::Refusal;
use crate::stream_api::{self, Taken};
use crate::variables::CREDENTIALS_PATH;

pub(crate) type Answer = Response<Full<Bytes>>;

/// Serves `environment`'s runtime until the task is dropped.
pub(crate) async fn serve(environment: Arc<Environment>, listener: TcpListener) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX || stream.set_nodelay(true).is_err() {
            continue;
        }
        let environment = Arc::clone(&environment);
        connections.spawn(async move {
            let was_refused = AtomicBool::new(false);
            let service = service_fn(|request| answer(&environment, &was_refused, request));
            // A runtime that breaks a connection opens another; if it is gone, its exit says so.
            // One that asks for more in the breath it answers in has one answer to both, if there is more.
            let mut http = http1::Builder::new();
            let _ =
                http.pipeline_flush(true).serve_connection(TokioIo::new(Corked::new(stream)), service).await;
        });
    }
}

/// A runtime needs one connection, an extension one more; a hostile function gets no further.
const CONNECTIONS_MAX: usize = 64;

/// Between our own bootstraps and us: a poll that is sent with an answer, by a runtime that ends when that is refused.
const IF_ACCEPTED: &str = "lambent-if-accepted";

/// `was_refused` tells of the connection's last request.
async fn answer(
    environment: &Arc<Environment>,
    was_refused: &AtomicBool,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    if was_refused.load(Ordering::Relaxed) && request.headers().contains_key(IF_ACCEPTED) {
        // No event is lost with the runtime.
        return Ok(refuse(StatusCode::FORBIDDEN, "AnswerRefused", "The answer before was refused"));
    }
    let answer = respond(environment, request).await?;
    was_refused.store(answer.status().is_client_error(), Ordering::Relaxed);
    Ok(answer)
}

async fn respond(environment: &Arc<Environment>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let path = request.uri().path().to_owned();
    if path == CREDENTIALS_PATH {
        return Ok(keys(environment, &request));
    }
    let Some(call) = path.strip_prefix("/2018-06-01/runtime/") else {
        if path == "/ping" && request.method() == Method::GET {
            return Ok(Response::new(Full::from("pong")));
        }
        return Ok(extensions_api::answer(environment, &path, request).await.unwrap_or_else(not_found));
    };
    let parts = call.split('/').collect::<Vec<_>>();
    Ok(match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(environment).await,
        (&Method::POST, ["invocation", id, "response"]) => response(environment, id, request).await,
        (&Method::POST, ["invocation", id, "error"]) => error(environment, id, request).await,
        (&Method::POST, ["init", "error"]) => init_error(environment, request).await,
        (&Method::GET, ["restore", "next"]) => restore_next(environment).await,
        (&Method::POST, ["restore", "error"]) => restore_error(environment, request).await,
        _ => not_found(),
    })
}

async fn next(environment: &Arc<Environment>) -> Answer {
    let work = match environment.next() {
        Ok(work) => work.await,
        Err(refusal) => return refused(&refusal),
    };
    match work {
        Ok(work) => hand_out(work),
        // The environment is being taken down.
        Err(_) => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "Sandbox.Failure", "The environment is shutting down")
        }
    }
}

fn hand_out(work: Work) -> Answer {
    let invocation = work.invocation;
    let mut response = Response::new(Full::from(invocation.payload));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let deadline = work.deadline.as_millis().to_string();
    // JSON has line breaks between its tokens only, and a header none at all.
    let client_context = invocation.client_context.map(|json| json.replace(['\r', '\n'], " "));
    let fields = [
        ("lambda-runtime-aws-request-id", Some(&*invocation.request_id)),
        ("lambda-runtime-deadline-ms", Some(deadline.as_str())),
        ("lambda-runtime-invoked-function-arn", Some(invocation.invoked_function_arn.as_str())),
        ("lambda-runtime-trace-id", invocation.trace_id.as_deref()),
        ("lambda-runtime-client-context", client_context.as_deref()),
    ];
    for (name, value) in fields {
        if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

async fn response(environment: &Arc<Environment>, id: &str, request: Request<Incoming>) -> Answer {
    if let Some(mode) = request.headers().get("lambda-runtime-function-response-mode") {
        if !mode.as_bytes().eq_ignore_ascii_case(b"streaming") {
            let message = "A response is streaming or says no mode";
            return refuse(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", message);
        }
        return match stream_api::take(environment, id, request).await {
            Ok(Taken::Whole) => accepted(Ok(())),
            Ok(Taken::TooLarge { bytes_max }) => too_large(bytes_max),
            Ok(Taken::Truncated) => truncated(),
            Err(refusal) => refused(&refusal),
        };
    }
    match read_body(request).await {
        Ok(body) => accepted(environment.answer(id, Ok(body))),
        Err(Body::TooLarge) => match environment.answer(id, Err(Failure::ResponseTooLarge)) {
            Ok(()) => too_large(RESPONSE_BYTES_MAX as u64),
            Err(refusal) => refused(&refusal),
        },
        Err(Body::Truncated) => truncated(),
    }
}

async fn error(environment: &Arc<Environment>, id: &str, request: Request<Incoming>) -> Answer {
    match reported(request).await {
        Ok(failure) => accepted(environment.answer(id, Err(failure))),
        Err(answer) => answer,
    }
}

async fn init_error(environment: &Arc<Environment>, request: Request<Incoming>) -> Answer {
    match reported(request).await {
        Ok(failure) => accepted(environment.init_failed(failure)),
        Err(answer) => answer,
    }
}

async fn restore_next(environment: &Arc<Environment>) -> Answer {
    let restore = match environment.restore_next() {
        Ok(restore) => restore.await,
        Err(refusal) => return refused(&refusal),
    };
    let mut response = Response::new(Full::default());
    match restore {
        // Between our own bootstrap and us: the child of the fork that it makes now is the snapshot.
        Ok(Restore::Fork) => {
            response.headers_mut().insert("lambent-snapshot", HeaderValue::from_static("fork"));
        }
        Ok(Restore::GoOn) => {}
        // No snapshot is taken after all, and the environment is being taken down.
        Err(_) => {
            return refuse(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Sandbox.Failure",
                "The environment is shutting down",
            );
        }
    }
    response
}

async fn restore_error(environment: &Arc<Environment>, request: Request<Incoming>) -> Answer {
    match reported(request).await {
        Ok(failure) => accepted(environment.restore_failed(failure)),
        Err(answer) => answer,
    }
}

/// Keys for the SDKs, as the ones of containers ask for them.
fn keys(environment: &Environment, request: &Request<Incoming>) -> Answer {
    let Some(keys) = &environment.keys else { return not_found() };
    let asked_with = request.headers().get("authorization").map(HeaderValue::as_bytes);
    if request.method() != Method::GET || asked_with != Some(keys.token.as_bytes()) {
        return refuse(StatusCode::UNAUTHORIZED, "Unauthorized", "The authorization token is not valid");
    }
    let body = serde_json::json!({
        "AccessKeyId": keys.credentials.access_key_id,
        "SecretAccessKey": keys.credentials.secret_access_key,
        "Token": keys.credentials.session_token,
        "Expiration": keys.expires,
    });
    let mut response = Response::new(Full::from(body.to_string()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

async fn reported(request: Request<Incoming>) -> Result<Failure, Answer> {
    let header = request.headers().get("lambda-runtime-function-error-type");
    let error_type = header.and_then(|value| value.to_str().ok()).unwrap_or("Runtime.Unknown").to_owned();
    match read_body(request).await {
        Ok(payload) => Ok(Failure::Reported { error_type, payload }),
        Err(Body::TooLarge) => Ok(Failure::ResponseTooLarge),
        Err(Body::Truncated) => Err(truncated()),
    }
}

enum Body {
    TooLarge,
    Truncated,
}

async fn read_body(request: Request<Incoming>) -> Result<Bytes, Body> {
    match Limited::new(request.into_body(), RESPONSE_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Body::TooLarge),
        Err(_) => Err(Body::Truncated),
    }
}

fn accepted(answered: Result<(), Refusal>) -> Answer {
    match answered {
        Ok(()) => {
            let mut response = Response::new(Full::from("{\"status\":\"OK\"}\n"));
            *response.status_mut() = StatusCode::ACCEPTED;
            response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
            response
        }
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::InvalidRequestId => {
            refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        }
        Refusal::InvalidTransition { from, to } => refuse(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            &format!(
                "State transition from {from} to {to} failed for runtime. Error: State transition is not allowed"
            ),
        ),
    }
}

fn too_large(bytes_max: u64) -> Answer {
    refuse(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &format!("Exceeded maximum allowed payload size ({bytes_max} bytes)."),
    )
}

fn truncated() -> Answer {
    refuse(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "The request's body ended early")
}

pub(crate) fn not_found() -> Answer {
    refuse(StatusCode::NOT_FOUND, "NotFound", "404 page not found")
}

pub(crate) fn refuse(status: StatusCode, error_type: &str, message: &str) -> Answer {
    let body = serde_json::json!({ "errorMessage": message, "errorType": error_type }).to_string();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
