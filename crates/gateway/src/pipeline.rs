//! The road of a request: route, authenticate, decode, call, encode. The order is the code.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use aws_auth::Scope;
use aws_wire::protocol::{self, Routed, encode_error};
use aws_wire::schema::Service;
use aws_wire::{AwsError, Request, Response, Result, Value};
use futures_util::FutureExt as _;
use service::{Caller, Principal, Upgrade};

use crate::body::BODY_BYTES_MAX;
use crate::finished::finished;
use crate::streamed::{Asked, Coming};
use crate::{Gateway, OwnSite, route, visit};

impl Gateway {
    /// Answers one request, to its end even if the client goes away: what it asked for is done or not done, never
    /// half.
    pub async fn answer(&self, request: Request) -> Response {
        let site = self.0.platform.site(&request);
        self.answer_to((IpAddr::V4(Ipv4Addr::LOCALHOST), None), site, request, None).await
    }

    /// As [`Gateway::answer`], for a client at that address, who may want to go on in another protocol, and for the site
    /// where it is for one; with its way, where the head alone told it.
    pub(crate) async fn answer_to(
        &self,
        client: (IpAddr, Option<Upgrade>),
        site: Option<OwnSite>,
        request: Request,
        way: Option<Way>,
    ) -> Response {
        let this = self.clone();
        finished(async move { this.answer_here(client, site, request, way).await }).await
    }

    async fn answer_here(
        &self,
        (peer, upgrade): (IpAddr, Option<Upgrade>),
        site: Option<OwnSite>,
        request: Request,
        way: Option<Way>,
    ) -> Response {
        let request_id: Arc<str> = self.0.platform.env().uuid().to_string().into();
        if let Some(site) = site {
            return self.visit(site, request, peer, upgrade, request_id).await;
        }
        let way = way.unwrap_or_else(|| self.way(&request));
        self.answer_api(request, way, None, request_id).await
    }

    /// Where a request goes. A form whose body has not been read may still go elsewhere.
    pub(crate) fn way(&self, request: &Request) -> Way {
        let scope = Scope::of(request);
        let own = self.0.platform.own_host(request);
        let api = match &own {
            Some((api, _)) => Some(*api),
            None => route::service(self.0.platform.apis(), request, scope.as_ref()),
        };
        Way { scope, api, path: own.map(|(_, path)| path), routed: None }
    }

    /// Answers a request to an API; `coming` is a body that has not been read.
    pub(crate) async fn answer_api(
        &self,
        mut request: Request,
        mut way: Way,
        coming: Option<Coming>,
        request_id: Arc<str>,
    ) -> Response {
        let Some(api) = way.api else {
            return no_service(&request, way.scope.as_ref(), &request_id);
        };
        let asked = Asked::new(self, api, &request, &way);
        let run = self.run(api, &mut request, &mut way, coming, &request_id);
        let answered = AssertUnwindSafe(run).catch_unwind().await;
        let answered = answered.unwrap_or_else(|panic| Err(AwsError::internal(panic_text(&*panic))));
        let response = answered.unwrap_or_else(|error| {
            log_failure(api, &error, &request_id);
            let error = asked.refusal(error);
            encode_error(protocol::detect(api, &request), api, &error, &request_id)
        });
        asked.finish(self, request_id, response).await
    }

    /// Answers a request whose body, left unread, is larger than any operation takes.
    pub(crate) fn refuse_size(&self, site: Option<&OwnSite>, request: &Request) -> Response {
        let request_id = self.0.platform.env().uuid().to_string();
        if let Some(site) = site {
            return visit::too_large(site, &request_id);
        }
        let way = self.way(request);
        let Some(api) = way.api else {
            return no_service(request, way.scope.as_ref(), &request_id);
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
        way: &mut Way,
        coming: Option<Coming>,
        request_id: &Arc<str>,
    ) -> Result<Response> {
        let now = self.0.platform.env().now();
        let (identity, body) = match coming {
            None => (self.0.authenticator.authenticate(api.name, request, now).await?, None),
            Some(coming) => {
                let (identity, seal) = self.0.authenticator.authenticate_head(api.name, request, now).await?;
                (identity, Some(seal.apply(coming.pieces, coming.size_bytes)))
            }
        };
        let principal = Principal { arn: identity.arn, user_id: identity.user_id };
        let caller =
            Caller { account: identity.account, region: identity.region, principal: principal.into() };

        // What was signed is the address as it came; what is decoded, what it stands for.
        if let Some(path) = way.path.take() {
            request.path = path;
        }
        let routed = match way.routed.take() {
            Some(routed) => routed,
            None => protocol::route(api, request)?,
        };
        let operation = routed.operation;
        let io = operation.io.ok_or_else(|| AwsError::not_implemented(api.name, operation.name))?;
        let trace = request.header("x-amzn-trace-id").map(Arc::from);
        let mut input = routed.decode(io, request)?;
        if let (Value::Structure(slots), Some(body), Some(at)) = (&mut input, body, routed.streamed()) {
            slots[at] = Some(Value::Stream(body));
        }
        let mut cx = self.0.platform.ctx(caller, Arc::clone(request_id)).with_trace(trace);
        if let Some(host) = request.header("host") {
            cx = cx.reached_by(host);
        }
        let output = self.0.platform.dispatch(api, operation, cx, input).await?;
        Ok(routed.encode(api, io, output, request_id))
    }
}

/// Where a request goes, found out once.
pub(crate) struct Way {
    pub scope: Option<Scope>,
    pub api: Option<&'static Service>,
    /// What host and path together stand for, where the API has the host for itself.
    pub path: Option<String>,
    /// The operation, where it was looked for already.
    pub routed: Option<Routed>,
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
