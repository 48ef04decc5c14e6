//! The event of a request: payload format 1.0, the proxy event of REST APIs. What is absent is null.

use std::collections::BTreeMap;

use aws_wire::Request;
use serde_json::{Map, Value as Json, json};

use crate::{Arrival, MEMBERS, parts};

/// Where a request goes, and what is known of who sent it.
pub struct Route<'a> {
    pub account: &'a str,
    pub api_id: &'a str,
    /// Such as `/pets/{id}`.
    pub resource: &'a str,
    pub resource_id: &'a str,
    pub stage: &'a str,
    /// As the function is to see it.
    pub path: &'a str,
    /// With the stage.
    pub stage_path: &'a str,
    pub path_parameters: &'a BTreeMap<String, String>,
    pub stage_variables: &'a BTreeMap<String, String>,
    pub authorizer: Option<Json>,
    /// What is known of the caller beside their address, such as `userArn` and `apiKey`.
    pub identity: Map<String, Json>,
    /// Of a REST API; an HTTP API does not tell.
    pub deployment_id: Option<&'a str>,
}

/// The event, as JSON. `version` is what HTTP APIs begin it with; REST APIs have none. `is_binary` says that the body
/// goes in base64.
pub fn event(
    request: &Request,
    route: &Route<'_>,
    arrival: &Arrival<'_>,
    version: Option<&str>,
    is_binary: bool,
) -> Json {
    let mut event = Map::new();
    if let Some(version) = version {
        event.insert("version".to_owned(), version.into());
    }
    event.extend(head(request, route, arrival));
    let (body, is_base64) = match &request.body {
        body if body.is_empty() => (Json::Null, false),
        body if is_binary => (parts::base64(body).into(), true),
        // What is no text loses what is none, as on AWS: an API says which types are binary.
        body => (String::from_utf8_lossy(body).into(), false),
    };
    event.insert("body".to_owned(), body);
    event.insert("isBase64Encoded".to_owned(), is_base64.into());
    Json::Object(event)
}

/// The event of an authorizer that sees the request; `more` says of which kind it is and what it is asked.
pub fn authorizer_event(request: &Request, route: &Route<'_>, arrival: &Arrival<'_>, more: Json) -> Json {
    let mut event = Map::new();
    if let Json::Object(more) = more {
        event.extend(more);
    }
    event.extend(head(request, route, arrival));
    Json::Object(event)
}

fn head(request: &Request, route: &Route<'_>, arrival: &Arrival<'_>) -> Map<String, Json> {
    let headers = spelled(request, arrival);
    let parameters = in_order(parts::parameters(&request.query));
    let mut head = Map::with_capacity(MEMBERS);
    let mut put = |name: &str, value: Json| head.insert(name.to_owned(), value);
    put("resource", route.resource.into());
    put("path", route.path.into());
    put("httpMethod", request.method.as_str().into());
    put("headers", last(&headers));
    put("multiValueHeaders", all(headers));
    put("queryStringParameters", last(&parameters));
    put("multiValueQueryStringParameters", all(parameters));
    put("pathParameters", some(json!(route.path_parameters)));
    put("stageVariables", some(json!(route.stage_variables)));
    put("requestContext", context(request, route, arrival));
    head
}

/// What is known of a request, as events and templates tell it.
pub fn context(request: &Request, route: &Route<'_>, arrival: &Arrival<'_>) -> Json {
    let mut context = Map::with_capacity(MEMBERS);
    let mut put = |name: &str, value: Json| context.insert(name.to_owned(), value);
    put("resourceId", route.resource_id.into());
    if let Some(authorizer) = &route.authorizer {
        put("authorizer", authorizer.clone());
    }
    put("resourcePath", route.resource.into());
    put("httpMethod", request.method.as_str().into());
    put("extendedRequestId", parts::short_id(arrival.request_id).into());
    put("requestTime", parts::clf_time(arrival.now).into());
    put("path", route.stage_path.into());
    put("accountId", route.account.into());
    put("protocol", "HTTP/1.1".into());
    put("stage", route.stage.into());
    put("domainPrefix", arrival.domain_prefix().into());
    put("requestTimeEpoch", arrival.now.as_millis().into());
    put("requestId", arrival.request_id.into());
    put("identity", identity(request, route, arrival));
    put("domainName", arrival.domain_name.into());
    if let Some(deployment_id) = route.deployment_id {
        put("deploymentId", deployment_id.into());
    }
    put("apiId", route.api_id.into());
    Json::Object(context)
}

fn identity(request: &Request, route: &Route<'_>, arrival: &Arrival<'_>) -> Json {
    let mut identity = json!({
        "cognitoIdentityPoolId": null,
        "accountId": null,
        "cognitoIdentityId": null,
        "caller": null,
        "sourceIp": arrival.source_ip(),
        "principalOrgId": null,
        "accessKey": null,
        "cognitoAuthenticationType": null,
        "cognitoAuthenticationProvider": null,
        "userArn": null,
        "userAgent": request.header("user-agent"),
        "user": null,
    });
    if let Json::Object(identity) = &mut identity {
        identity.extend(route.identity.clone());
    }
    identity
}

/// The headers, spelled as clients of HTTP/1.1 spell them: the wire does not tell how they did.
pub(crate) fn spelled(request: &Request, arrival: &Arrival<'_>) -> Vec<(String, Vec<String>)> {
    let headers = parts::headers(request, arrival).into_iter();
    in_order(headers.map(|(name, values)| (parts::title_case(&name), values)).collect())
}

/// By name, as events have them.
pub(crate) fn in_order(mut values: Vec<(String, Vec<String>)>) -> Vec<(String, Vec<String>)> {
    values.sort_by(|(one, _), (other, _)| one.cmp(other));
    values
}

/// Of each the value that came last.
pub(crate) fn last(values: &[(String, Vec<String>)]) -> Json {
    let last =
        values.iter().filter_map(|(name, values)| Some((name.clone(), values.last()?.as_str().into())));
    some(Json::Object(last.collect()))
}

/// Of each all its values.
pub(crate) fn all(values: Vec<(String, Vec<String>)>) -> Json {
    some(Json::Object(values.into_iter().map(|(name, values)| (name, values.into())).collect()))
}

/// An object; none where it is empty.
pub(crate) fn some(object: Json) -> Json {
    if object.as_object().is_some_and(Map::is_empty) { Json::Null } else { object }
}
