//! What functions return: a request that goes on, or a response; checked as CloudFront does.

use api_cloudfront::EventType;
use aws_wire::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value as Json};

use super::super::page::Refusal;
use super::{bytes_max, invalid, is_disallowed, origins, read_only};
use crate::plan::Origin;

const URI_BYTES_MAX: usize = 8192;

/// A request as a function returned it.
#[derive(Debug)]
pub(in super::super) struct Changed {
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    /// In the place of the one that came.
    pub body: Option<Bytes>,
    pub origin: Option<Origin>,
}

fn wrong(what: &str) -> Refusal {
    invalid(format!("The Lambda function result failed validation: {what}"))
}

/// What `returned` has in the place of `shown`, which the function saw.
///
/// # Errors
/// 502 for what is no request, or changes what can't be changed.
pub(in super::super) fn read_request(
    event: EventType,
    returned: &Map<String, Json>,
    method: &str,
    shown: &HeaderMap,
    origin: Option<&Origin>,
) -> Result<Changed, Refusal> {
    let text = |name: &str| returned.get(name).and_then(Json::as_str);
    let uri = text("uri").ok_or_else(|| wrong("The uri is missing."))?;
    if !uri.starts_with('/') || uri.len() > URI_BYTES_MAX || uri.contains(['?', ' ', '#']) {
        return Err(wrong("The uri is not valid."));
    }
    if text("method").is_some_and(|given| given != method) {
        return Err(wrong("The function tried to change the method."));
    }
    let query = text("querystring").unwrap_or_default();
    if query.contains([' ', '#']) || !query.is_ascii() || query.len() > URI_BYTES_MAX {
        return Err(wrong("The querystring is not valid."));
    }
    let headers = headers_of(event, returned.get("headers"), shown)?;
    let body = match returned.get("body") {
        Some(body) if body["action"] == "replace" => {
            let bytes = decoded(body["data"].as_str(), body["encoding"].as_str())?;
            if bytes.len() > bytes_max(event) {
                return Err(wrong("The body is larger than the function may make it."));
            }
            Some(bytes)
        }
        _ => None,
    };
    let origin = match (returned.get("origin"), origin) {
        (Some(given), Some(before)) => Some(origins::read(given, before)?),
        _ => None,
    };
    Ok(Changed { path: uri.to_owned(), query: query.to_owned(), headers, body, origin })
}

/// A response that a request's function made.
///
/// # Errors
/// 502 for what is none.
pub(in super::super) fn read_response(
    event: EventType,
    returned: &Map<String, Json>,
) -> Result<Response, Refusal> {
    let mut response = Response::empty(status(returned)?);
    response.headers = headers_of(event, returned.get("headers"), &HeaderMap::new())?;
    let body = body(event, returned)?.unwrap_or_default();
    if response.status == 204 && !body.is_empty() && event == EventType::ViewerRequest {
        return Err(wrong("A response without content has a body."));
    }
    check_size(event, &response.headers, body.len())?;
    response.body = body.into();
    Ok(response)
}

/// Changes a response as its function says.
///
/// # Errors
/// 502 for what can't be changed.
pub(in super::super) fn apply_response(
    event: EventType,
    returned: &Map<String, Json>,
    response: &mut Response,
) -> Result<(), Refusal> {
    let status = status(returned)?;
    let headers = headers_of(event, returned.get("headers"), &response.headers)?;
    let body = body(event, returned)?;
    if event == EventType::ViewerResponse && (status != response.status || body.is_some()) {
        return Err(wrong("The function tried to change the status code or the body of a viewer response."));
    }
    response.status = status;
    response.headers = headers;
    if let Some(body) = body {
        check_size(event, &response.headers, body.len())?;
        response.headers.remove("content-length");
        response.body = body.into();
    }
    Ok(())
}

fn status(returned: &Map<String, Json>) -> Result<u16, Refusal> {
    let status = match returned.get("status") {
        Some(Json::String(text)) => text.parse().ok(),
        Some(number) => number.as_u64().and_then(|number| u16::try_from(number).ok()),
        None => None,
    };
    status.filter(|status| (200..600).contains(status)).ok_or_else(|| wrong("The status code is not valid."))
}

fn body(event: EventType, returned: &Map<String, Json>) -> Result<Option<Bytes>, Refusal> {
    let Some(body) = returned.get("body").filter(|body| !body.is_null()) else { return Ok(None) };
    let text = body.as_str().ok_or_else(|| wrong("The body is no text."))?;
    let bytes = decoded(Some(text), returned.get("bodyEncoding").and_then(Json::as_str))?;
    if bytes.len() > bytes_max(event) {
        return Err(wrong("The body is larger than the function may make it."));
    }
    Ok(Some(bytes))
}

fn decoded(data: Option<&str>, encoding: Option<&str>) -> Result<Bytes, Refusal> {
    let data = data.unwrap_or_default();
    match encoding {
        None | Some("text") => Ok(Bytes::copy_from_slice(data.as_bytes())),
        Some("base64") => {
            let bytes = BASE64.decode(data).map_err(|_| wrong("The body is not base64-encoded."))?;
            Ok(bytes.into())
        }
        Some(_) => Err(wrong("The encoding of the body is not valid.")),
    }
}

/// With its headers, a response has to keep within the same bound.
fn check_size(event: EventType, headers: &HeaderMap, body: usize) -> Result<(), Refusal> {
    let size = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
    if size + body > bytes_max(event) {
        return Err(wrong("The response is larger than the function may make it."));
    }
    Ok(())
}

/// The headers that a function returned, where `shown` are those it saw, and those it did not see stay.
///
/// # Errors
/// 502 for those it may not touch, and for what is no header.
fn headers_of(event: EventType, returned: Option<&Json>, shown: &HeaderMap) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    for (name, value) in shown.iter().filter(|(name, _)| is_disallowed(name.as_str())) {
        headers.append(name.clone(), value.clone());
    }
    let given = match returned {
        None | Some(Json::Null) => None,
        Some(Json::Object(given)) => Some(given),
        Some(_) => return Err(invalid("The Lambda function returned an invalid headers object.")),
    };
    for (name, values) in given.into_iter().flatten() {
        let entry = |what: &str| {
            invalid(format!(
                "The Lambda function returned an invalid entry in the headers object: the header {name} {what}."
            ))
        };
        let values = values.as_array().ok_or_else(|| entry("is no array"))?;
        let small = name.to_ascii_lowercase();
        let parsed = HeaderName::try_from(small.as_str()).map_err(|_| entry("has no valid name"))?;
        if is_disallowed(&small) {
            return Err(wrong("The function tried to add a blacklisted header."));
        }
        for one in values {
            if one.get("key").and_then(Json::as_str).is_some_and(|key| !key.eq_ignore_ascii_case(name)) {
                return Err(entry("has another name as its key"));
            }
            let value = one.get("value").and_then(Json::as_str).ok_or_else(|| entry("has no value"))?;
            let value =
                HeaderValue::try_from(value).map_err(|_| entry("has a value with invalid characters"))?;
            headers.append(parsed.clone(), value);
        }
    }
    let same = |name: &str| headers.get_all(name).iter().eq(shown.get_all(name).iter());
    if !read_only(event).iter().all(|name| same(name)) {
        return Err(wrong("The function tried to add, delete, or change a read-only header."));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Json) -> Map<String, Json> {
        value.as_object().expect("an object").clone()
    }

    fn shown() -> HeaderMap {
        let pairs = [("host", "d.cloudfront.localhost"), ("x-cache", "hidden"), ("x-one", "1")];
        let pairs =
            pairs.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        HeaderMap::from_iter(pairs)
    }

    fn read(returned: Json) -> Result<Changed, Refusal> {
        read_request(EventType::ViewerRequest, &object(returned), "GET", &shown(), None)
    }

    #[test]
    fn requests_are_changed_within_limits() {
        let host = json!([{ "key": "Host", "value": "d.cloudfront.localhost" }]);
        let good = json!({ "uri": "/b", "querystring": "x=1", "headers": { "host": host, "x-two": [{ "value": "2" }] } });
        let changed = read(good.clone()).expect("a request");
        assert_eq!((changed.path.as_str(), changed.query.as_str()), ("/b", "x=1"));
        assert_eq!(changed.headers["x-two"], "2");
        assert!(!changed.headers.contains_key("x-one") && changed.headers.contains_key("x-cache"));
        for (pointer, wrong) in [
            ("uri", json!("b")),
            ("uri", json!("/a?b")),
            ("uri", Json::Null),
            ("method", json!("POST")),
            ("querystring", json!("a b")),
            ("headers", json!({})),
            ("headers", json!([])),
            ("headers", json!({ "host": host, "X-Cache": [{ "value": "v" }] })),
            ("headers", json!({ "host": host, "x-edge-mine": [{ "value": "v" }] })),
            ("headers", json!({ "host": host, "x": [{ "key": "y", "value": "v" }] })),
            ("headers", json!({ "host": host, "x": [{ "value": 1 }] })),
            ("headers", json!({ "host": host, "x": [{ "value": "a\r\nb" }] })),
            ("headers", json!({ "host": host, "via": [{ "value": "v" }] })),
            ("body", json!({ "action": "replace", "encoding": "base64", "data": "%" })),
            ("body", json!({ "action": "replace", "encoding": "text", "data": "x".repeat(40 * 1024 + 1) })),
        ] {
            let mut bad = good.clone();
            bad[pointer] = wrong.clone();
            let refused = read(bad).expect_err(&format!("{pointer} {wrong}"));
            assert_eq!((refused.status, refused.result), (502, "LambdaValidationError"));
        }
    }

    #[test]
    fn responses_are_made_within_limits() {
        let read = |returned: Json| read_response(EventType::ViewerRequest, &object(returned));
        let made = read(
            json!({ "status": "302", "headers": { "location": [{ "key": "Location", "value": "/x" }] } }),
        );
        assert_eq!(made.expect("a response").status, 302);
        let made =
            read(json!({ "status": 200, "body": "aGk=", "bodyEncoding": "base64" })).expect("a response");
        assert_eq!(made.body.whole().map(|body| &body[..]), Some(&b"hi"[..]));
        for wrong in [
            json!({ "status": "99" }),
            json!({ "status": "x" }),
            json!({ "status": "204", "body": "x" }),
            json!({ "status": "200", "body": "x".repeat(40 * 1024) , "headers": { "x": [{ "value": "y" }] } }),
            json!({ "status": "200", "body": "x", "bodyEncoding": "gzip" }),
            json!({ "status": "200", "headers": { "connection": [{ "value": "close" }] } }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn viewers_responses_keep_status_and_body() {
        let apply = |event, returned: Json| {
            let mut response = Response::empty(200);
            apply_response(event, &object(returned), &mut response).map(|()| response)
        };
        let (viewer, origin) = (EventType::ViewerResponse, EventType::OriginResponse);
        assert!(apply(viewer, json!({ "status": "200", "headers": { "x": [{ "value": "y" }] } })).is_ok());
        assert!(apply(viewer, json!({ "status": "201" })).is_err());
        assert!(apply(viewer, json!({ "status": "200", "body": "x" })).is_err());
        let changed = apply(origin, json!({ "status": "404", "body": "x" })).expect("a response");
        assert_eq!((changed.status, changed.body.whole().map(Bytes::len)), (404, Some(1)));
    }
}
