//! What is behind a method, asked: functions and HTTP servers.

use std::time::Duration;

use api_apigateway::GatewayResponseType as Kind;
use bytes::Bytes;
use execute_api::BODY_BYTES_MAX;
use execute_api::function::{self, Call, Failure, Returned};
use http::{HeaderMap, Method, Response, Uri};
use http_client::Error;

use super::refuse::Refusal;
use super::{Ctx, Passage};
use crate::integration::Integration;

/// What is between two neighbours only.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn timeout(integration: &Integration) -> Duration {
    Duration::from_millis(u64::try_from(integration.timeout_ms).unwrap_or_default())
}

/// Invokes the integration's function.
pub(super) async fn function(
    cx: &Ctx,
    passage: &Passage<'_>,
    integration: &Integration,
    payload: Bytes,
    is_event: bool,
) -> Result<Returned, Refusal> {
    let uri = function::with_variables(integration.uri.as_deref().unwrap_or_default(), passage.variables);
    let arn = function::arn_of_uri(&uri).ok_or_else(|| Refusal::of(Kind::ApiConfigurationError))?;
    let call = Call {
        principal: function::PRINCIPAL,
        arn: arn.to_owned(),
        source_arn: passage.source_arn(),
        role: integration.credentials.clone(),
        payload,
        timeout: timeout(integration),
        is_event,
    };
    let cx = cx.clone().with_trace(Some(passage.arrival.trace_id.into()));
    function::invoke(&cx, call).await.map_err(|failure| match failure {
        Failure::TimedOut => Refusal::of(Kind::IntegrationTimeout),
        Failure::Refused(error) => {
            tracing::debug!(arn, %error, "a REST API's function was not invoked");
            match error.status {
                413 => Refusal::of(Kind::RequestTooLarge),
                429 | 500.. => Refusal::bad_gateway(),
                // It is not there, or does not let the API in.
                _ => Refusal::of(Kind::ApiConfigurationError),
            }
        }
    })
}

/// A request to the integration's server: its URI with variables of the path and a query.
pub(super) struct Outgoing {
    pub method: String,
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

pub(super) async fn server(
    cx: &Ctx,
    passage: &Passage<'_>,
    integration: &Integration,
    outgoing: Outgoing,
) -> Result<Response<Bytes>, Refusal> {
    let unconfigured = || Refusal::of(Kind::ApiConfigurationError);
    let mut request = http::Request::new(outgoing.body);
    *request.method_mut() = Method::from_bytes(outgoing.method.as_bytes()).map_err(|_| unconfigured())?;
    *request.uri_mut() = outgoing.uri.parse::<Uri>().map_err(|_| unconfigured())?;
    *request.headers_mut() = outgoing.headers;
    strip(request.headers_mut());
    if !request.body().is_empty() {
        let length = request.body().len();
        request.headers_mut().insert("content-length", length.into());
    }
    let host = passage.arrival.domain_name;
    for (name, value) in [("x-amzn-apigateway-api-id", passage.api.2.as_str()), ("x-forwarded-host", host)] {
        aws_wire::rest::insert_header(request.headers_mut(), name, value);
    }
    aws_wire::rest::insert_header(request.headers_mut(), "x-amzn-trace-id", passage.arrival.trace_id);
    let answer = cx.state.client.send(&cx.env, request, timeout(integration), BODY_BYTES_MAX).await;
    let mut answer = answer.map_err(|error| match error {
        Error::TimedOut => Refusal::of(Kind::IntegrationTimeout),
        error => {
            tracing::debug!(uri = integration.uri, %error, "a REST API's server did not answer");
            Refusal::bad_gateway()
        }
    })?;
    strip(answer.headers_mut());
    Ok(answer)
}

fn strip(headers: &mut HeaderMap) {
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}
