//! The road of a request: route, authenticate, decode, call, encode. The order is the code.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aws_auth::Scope;
use aws_wire::protocol::{self, encode_error};
use aws_wire::schema::Service;
use aws_wire::{AwsError, Request, Response, Result};
use futures_util::FutureExt as _;
use service::{Caller, Principal};

use crate::body::BODY_BYTES_MAX;
use crate::{Gateway, route, visit};

impl Gateway {
    /// Answers one request, to its end even if the client goes away: what it asked for is done or not done, never
    /// half.
    pub async fn answer(&self, request: Request) -> Response {
        self.answer_to(IpAddr::V4(Ipv4Addr::LOCALHOST), request).await
    }

    /// As [`Gateway::answer`], for a client at that address.
    pub(crate) async fn answer_to(&self, peer: IpAddr, request: Request) -> Response {
        let this = self.clone();
        let answered = tokio::spawn(async move { this.answer_here(peer, request).await }).await;
        // Panics of handlers are caught below; the task can end so only while the platform goes down.
        answered.unwrap_or_else(|_| Response::empty(503))
    }

    async fn answer_here(&self, peer: IpAddr, mut request: Request) -> Response {
        let request_id: Arc<str> = self.0.platform.env().uuid().to_string().into();
        if let Some((api, site)) = self.0.platform.site(&request) {
            return self.visit((api, &site), request, peer, request_id).await;
        }
        let scope = Scope::of(&request);
        let Some(api) = route::service(self.0.platform.apis(), &request, scope.as_ref()) else {
            return no_service(&request, scope.as_ref(), &request_id);
        };
        let answered = AssertUnwindSafe(self.run(api, &mut request, &request_id)).catch_unwind().await;
        let answered = answered.unwrap_or_else(|panic| Err(AwsError::internal(panic_text(&*panic))));
        answered.unwrap_or_else(|error| {
            log_failure(api, &error, &request_id);
            encode_error(protocol::detect(api, &request), api, &error, &request_id)
        })
    }

    /// Answers a request whose body, left unread, is larger than any operation takes.
    pub(crate) fn refuse_size(&self, request: &Request) -> Response {
        let request_id = self.0.platform.env().uuid().to_string();
        if let Some((api, _)) = self.0.platform.site(request) {
            return visit::too_large(api, &request_id);
        }
        let scope = Scope::of(request);
        let Some(api) = route::service(self.0.platform.apis(), request, scope.as_ref()) else {
            return no_service(request, scope.as_ref(), &request_id);
        };
        let operation = protocol::route(api, request).map_or("requested", |routed| routed.operation.name);
        let message =
            format!("Request must be smaller than {BODY_BYTES_MAX} bytes for the {operation} operation");
        let error = AwsError::common("RequestEntityTooLargeException", 413, message);
        encode_error(protocol::detect(api, request), api, &error, &request_id)
    }

    async fn run(
        &self,
        api: &'static Service,
        request: &mut Request,
        request_id: &Arc<str>,
    ) -> Result<Response> {
        let now = self.0.platform.env().now();
        let identity = self.0.authenticator.authenticate(api.name, request, now).await?;
        let principal = Principal { arn: identity.arn, user_id: identity.user_id };
        let caller =
            Caller { account: identity.account, region: identity.region, principal: principal.into() };

        let routed = protocol::route(api, request)?;
        let operation = routed.operation;
        let io = operation.io.ok_or_else(|| AwsError::not_implemented(api.name, operation.name))?;
        let trace = request.header("x-amzn-trace-id").map(Arc::from);
        let input = routed.decode(io, request)?;
        let mut cx = self.0.platform.ctx(caller, Arc::clone(request_id)).with_trace(trace);
        if let Some(host) = request.header("host") {
            cx = cx.reached_by(host);
        }
        let output = self.0.platform.dispatch(api, operation, cx, input).await?;
        Ok(routed.encode(api, io, output, request_id))
    }
}

/// Failures of ours are for the log; those of a client are its own affair.
pub(crate) fn log_failure(api: &Service, error: &AwsError, request_id: &str) {
    if error.status >= 500 && error.status != 501 {
        tracing::error!(service = api.name, request_id, code = %error.code, cause = ?error.cause, "request failed");
    } else {
        tracing::debug!(service = api.name, request_id, code = %error.code, message = error.message, "request refused");
    }
}

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a text".to_owned())
}

/// The answer to a request for a service that Lambent has not.
fn no_service(request: &Request, scope: Option<&Scope>, request_id: &str) -> Response {
    let message = match scope {
        Some(scope) => {
            format!("Lambent has no service {:?} yet; docs/coverage.md lists those it has.", scope.service)
        }
        None => format!(
            "Lambent is running, but {} {} is no request of an AWS service it has. Point an AWS client here: lambent env",
            request.method, request.path
        ),
    };
    let status = if scope.is_some() { 501 } else { 404 };
    let code = if scope.is_some() { "NotImplementedException" } else { "UnknownOperationException" };
    let body = serde_json::json!({ "__type": code, "message": message });
    let mut response = Response::empty(status);
    aws_wire::rest::insert_header(&mut response.headers, "content-type", "application/json");
    aws_wire::rest::insert_header(&mut response.headers, "x-amzn-errortype", code);
    aws_wire::rest::insert_header(&mut response.headers, "x-amzn-requestid", request_id);
    response.body = body.to_string().into();
    response
}
