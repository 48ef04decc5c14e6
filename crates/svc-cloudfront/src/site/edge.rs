//! Functions at the four points of a request's way: their event, and what becomes of what they return.
//!
//! The shape of events, limits and headers that can't be touched are those of CloudFront's guide ("Lambda@Edge event
//! structure", "Restrictions on all edge functions"); messages are as its error pages have them.

mod origins;
mod result;

use std::time::Duration;

use api_cloudfront::{EventType, LambdaFunctionAssociation};
use api_lambda::GetFunctionConfigurationInput;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use execute_api::function::{self, Call, Failure};
use http::HeaderMap;
use serde_json::{Map, Value as Json, json};
use service::Caller;

use super::Viewer;
use super::page::Refusal;
use crate::Ctx;
use crate::distribution::{arn, domain_name};
use crate::plan::{Origin, Plan};

pub(super) use result::{apply_response, read_request, read_response};

const PRINCIPAL: &str = "edgelambda.amazonaws.com";
/// A function has thirty seconds at most; what starts it has some more.
const PATIENCE: Duration = Duration::from_secs(60);

/// Headers that no function sees or sets, beside those that begin with `x-edge-` and `x-amz-cf-`.
const DISALLOWED: [&str; 25] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "upgrade",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
    "x-amzn-auth",
    "x-amzn-cf-billing",
    "x-amzn-cf-id",
    "x-amzn-cf-xff",
    "x-amzn-errortype",
    "x-amzn-fle-profile",
    "x-amzn-header-count",
    "x-amzn-header-order",
    "x-amzn-lambda-integration-tag",
    "x-amzn-requestid",
    "x-cache",
    "x-forwarded-proto",
    "x-real-ip",
];

pub(super) fn is_disallowed(name: &str) -> bool {
    DISALLOWED.contains(&name) || name.starts_with("x-edge-") || name.starts_with("x-amz-cf-")
}

/// Headers that a function sees, and may neither add, change nor take away.
pub(super) fn read_only(event: EventType) -> &'static [&'static str] {
    match event {
        EventType::ViewerRequest => &["content-length", "host", "transfer-encoding", "via"],
        EventType::OriginRequest => &[
            "accept-encoding",
            "content-length",
            "if-modified-since",
            "if-none-match",
            "if-range",
            "if-unmodified-since",
            "transfer-encoding",
            "via",
        ],
        EventType::OriginResponse => &["transfer-encoding", "via"],
        EventType::ViewerResponse => {
            &["content-encoding", "content-length", "transfer-encoding", "warning", "via"]
        }
    }
}

/// The largest body that a request's function sees, and the largest response that it may make.
pub(super) fn bytes_max(event: EventType) -> usize {
    match event {
        EventType::ViewerRequest | EventType::ViewerResponse => 40 * 1024,
        EventType::OriginRequest | EventType::OriginResponse => 1024 * 1024,
    }
}

/// What an event is about.
pub(super) struct Scene<'a> {
    pub plan: &'a Plan,
    pub viewer: &'a Viewer,
    /// As the origin gets it, in its events.
    pub headers: &'a HeaderMap,
    pub query: &'a str,
    pub origin: Option<&'a Origin>,
    /// Its status and headers.
    pub response: Option<(u16, &'a HeaderMap)>,
}

/// Asks a function.
///
/// # Errors
/// 502 and 503, where it gave no answer that could be used.
pub(super) async fn ask(
    cx: &Ctx,
    association: &LambdaFunctionAssociation,
    scene: &Scene<'_>,
) -> Result<Map<String, Json>, Refusal> {
    let plan = scene.plan;
    let include_body = association.include_body == Some(true);
    let payload = event(association.event_type, scene, include_body).to_string();
    let owner = cx.as_caller(Caller::root(&plan.account, &cx.caller.region));
    let named = GetFunctionConfigurationInput {
        function_name: association.lambda_function_arn.clone(),
        qualifier: None,
    };
    let role = owner.call(named).await.map_err(|_| unavailable())?.role;
    let call = Call {
        principal: PRINCIPAL,
        arn: association.lambda_function_arn.clone(),
        source_arn: arn(&plan.account, &plan.id),
        // It runs by the right of its own role, which on AWS trusts this principal; no policy is asked.
        role,
        payload: payload.into(),
        timeout: PATIENCE,
        is_event: false,
    };
    let returned = match function::invoke(&owner, call).await {
        Ok(returned) => returned,
        Err(Failure::TimedOut) => return Err(failed()),
        Err(Failure::Refused(error)) if error.status == 429 => {
            return Err(Refusal {
                status: 503,
                said: "The Lambda function associated with the CloudFront distribution was throttled."
                    .to_owned(),
                result: "LambdaLimitExceeded",
            });
        }
        Err(Failure::Refused(error)) => {
            tracing::debug!(arn = association.lambda_function_arn, %error, "an edge function was not invoked");
            return Err(unavailable());
        }
    };
    if returned.failed {
        return Err(failed());
    }
    match serde_json::from_slice::<Json>(&returned.payload) {
        Ok(Json::Object(result)) => Ok(result),
        Ok(_) => {
            Err(invalid("The Lambda function returned invalid JSON: The JSON output must be an object type."))
        }
        Err(_) => Err(invalid("The Lambda function returned invalid JSON: The JSON output is not parsable.")),
    }
}

fn failed() -> Refusal {
    Refusal {
        status: 503,
        said: "The Lambda function associated with the CloudFront distribution failed or took too long."
            .to_owned(),
        result: "LambdaExecutionError",
    }
}

fn unavailable() -> Refusal {
    Refusal {
        status: 503,
        said: "The Lambda function associated with the CloudFront distribution is invalid or doesn't have the required \
               permissions."
            .to_owned(),
        result: "LambdaExecutionError",
    }
}

pub(super) fn invalid(said: impl Into<String>) -> Refusal {
    Refusal { status: 502, said: said.into(), result: "LambdaValidationError" }
}

fn event(kind: EventType, scene: &Scene<'_>, include_body: bool) -> Json {
    let viewer = scene.viewer;
    let mut request = json!({
        "clientIp": viewer.peer.to_string(),
        "headers": headers(scene.headers),
        "method": viewer.method.as_str(),
        "querystring": scene.query,
        "uri": viewer.path,
    });
    if include_body {
        let end = viewer.body.len().min(bytes_max(kind));
        request["body"] = json!({
            "inputTruncated": end < viewer.body.len(),
            "action": "read-only",
            "encoding": "base64",
            "data": BASE64.encode(&viewer.body[..end]),
        });
    }
    if let Some(origin) = scene.origin {
        request["origin"] = origins::to_json(origin);
    }
    let mut cf = json!({
        "config": {
            "distributionDomainName": domain_name(&scene.plan.label),
            "distributionId": scene.plan.id,
            "eventType": kind.as_str(),
            "requestId": viewer.request_id,
        },
        "request": request,
    });
    if let Some((code, sent)) = scene.response {
        let status = http::StatusCode::from_u16(code).ok();
        cf["response"] = json!({
            "headers": headers(sent),
            "status": code.to_string(),
            "statusDescription": status.and_then(|status| status.canonical_reason()).unwrap_or_default(),
        });
    }
    json!({ "Records": [{ "cf": cf }] })
}

/// Headers as events have them: by their names in small letters, each with the name as it is usually written.
pub(super) fn headers(headers: &HeaderMap) -> Json {
    let mut shown = Map::new();
    for name in headers.keys().filter(|name| !is_disallowed(name.as_str())) {
        let key = capitalized(name.as_str());
        let values = headers.get_all(name).into_iter();
        let values =
            values.map(|value| json!({ "key": key, "value": String::from_utf8_lossy(value.as_bytes()) }));
        shown.insert(name.as_str().to_owned(), values.collect());
    }
    Json::Object(shown)
}

/// `X-Forwarded-For` of `x-forwarded-for`: how it was written is not known any more.
fn capitalized(name: &str) -> String {
    let mut up = true;
    let letter = |letter: char| {
        let shown = if up { letter.to_ascii_uppercase() } else { letter };
        up = letter == '-';
        shown
    };
    name.chars().map(letter).collect()
}
