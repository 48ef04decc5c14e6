//! The event of a request: payload format 2.0. What is absent is left out, never null.

use std::collections::BTreeMap;

use aws_wire::Request;
use serde_json::{Map, Value as Json, json};

use crate::{Arrival, MEMBERS, parts};

/// Where a request goes: to which API, stage and route, and under which names.
pub struct Route<'a> {
    pub account: &'a str,
    pub api_id: &'a str,
    /// Such as `GET /pets/{id}`, or `$default`.
    pub key: &'a str,
    pub stage: &'a str,
    /// With the first slash, and with the stage unless that is `$default`.
    pub path: &'a str,
    pub path_parameters: &'a BTreeMap<String, String>,
    pub stage_variables: &'a BTreeMap<String, String>,
    /// What whoever checked the caller has to say, such as `{"jwt": …}`.
    pub authorizer: Option<Json>,
}

/// The event, as JSON.
pub fn event(request: &Request, route: &Route<'_>, arrival: &Arrival<'_>) -> Json {
    let (mut event, cookies) = head(request, route, arrival);
    if !cookies.is_empty() {
        // Where AWS has them, for whoever reads events by eye.
        event.shift_insert(4, "cookies".to_owned(), cookies.into());
    }
    let (body, is_base64) = parts::body(&request.body, request.header("content-type").unwrap_or_default());
    if let Some(body) = body {
        event.insert("body".to_owned(), body.into());
    }
    event.insert("isBase64Encoded".to_owned(), is_base64.into());
    Json::Object(event)
}

/// The event of an authorizer: who asks for which route, without a body.
pub fn authorizer_event(
    request: &Request,
    route: &Route<'_>,
    arrival: &Arrival<'_>,
    route_arn: &str,
    identity: &[String],
) -> Json {
    let (mut event, cookies) = head(request, route, arrival);
    event.shift_insert(1, "type".to_owned(), "REQUEST".into());
    event.shift_insert(2, "routeArn".to_owned(), route_arn.into());
    event.shift_insert(3, "identitySource".to_owned(), identity.into());
    if !cookies.is_empty() {
        event.shift_insert(7, "cookies".to_owned(), cookies.into());
    }
    Json::Object(event)
}

fn head(request: &Request, route: &Route<'_>, arrival: &Arrival<'_>) -> (Map<String, Json>, Vec<String>) {
    let mut event = Map::with_capacity(MEMBERS);
    let mut put = |name: &str, value: Json| event.insert(name.to_owned(), value);
    put("version", "2.0".into());
    put("routeKey", route.key.into());
    put("rawPath", route.path.into());
    put("rawQueryString", request.query.as_str().into());
    put("headers", headers(request, arrival));
    let parameters = parts::joined(parts::parameters(&request.query));
    if !parameters.is_empty() {
        put("queryStringParameters", json!(parameters));
    }
    put("requestContext", context(request, route, arrival));
    if !route.path_parameters.is_empty() {
        put("pathParameters", json!(route.path_parameters));
    }
    if !route.stage_variables.is_empty() {
        put("stageVariables", json!(route.stage_variables));
    }
    (event, parts::cookies(request))
}

fn context(request: &Request, route: &Route<'_>, arrival: &Arrival<'_>) -> Json {
    let mut context = Map::with_capacity(MEMBERS);
    let mut put = |name: &str, value: Json| context.insert(name.to_owned(), value);
    put("accountId", route.account.into());
    put("apiId", route.api_id.into());
    if let Some(authorizer) = &route.authorizer {
        put("authorizer", authorizer.clone());
    }
    put("domainName", arrival.domain_name.into());
    put("domainPrefix", arrival.domain_prefix().into());
    let http = json!({
        "method": request.method.as_str(),
        "path": route.path,
        "protocol": "HTTP/1.1",
        "sourceIp": arrival.source_ip(),
        "userAgent": request.header("user-agent").unwrap_or_default(),
    });
    put("http", http);
    put("requestId", arrival.request_id.into());
    put("routeKey", route.key.into());
    put("stage", route.stage.into());
    put("time", parts::clf_time(arrival.now).into());
    put("timeEpoch", arrival.now.as_millis().into());
    Json::Object(context)
}

/// Every header but cookies, in small letters; one that came more than once is joined.
fn headers(request: &Request, arrival: &Arrival<'_>) -> Json {
    let headers = parts::headers(request, arrival).into_iter().filter(|(name, _)| name != "cookie");
    Json::Object(headers.map(|(name, values)| (name, values.join(",").into())).collect())
}
