//! The event of a request to an Application Load Balancer, and the answer of what its function returns.
//!
//! Names are in small letters, a query stays as it came. A target group has either one value of each header and
//! parameter or all of them, in requests and answers alike.

use std::collections::BTreeMap;

use aws_wire::rest::insert_header;
use aws_wire::{Request, Response};
use serde_json::{Map, Value as Json, json};

use crate::answer::{self, Head};
use crate::parts;

/// Whether headers and parameters have all their values or the last one: `lambda.multi_value_headers.enabled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    Last,
    All,
}

/// Headers of the connection, which no function sees and none sets.
const OF_CONNECTION: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// The event, as JSON. `path` and `headers` are what the function is to see.
pub fn event(
    request: &Request,
    path: &str,
    headers: Vec<(String, Vec<String>)>,
    target_group_arn: &str,
    values: Values,
) -> Json {
    let headers = headers.into_iter().filter(|(name, _)| !OF_CONNECTION.contains(&name.as_str()));
    let (headers, parameters) = (headers.collect::<BTreeMap<_, _>>(), parameters(&request.query));
    let (parameters_name, headers_name) = match values {
        Values::Last => ("queryStringParameters", "headers"),
        Values::All => ("multiValueQueryStringParameters", "multiValueHeaders"),
    };
    let (body, is_base64) = body(request);
    let mut event = Map::new();
    let mut put = |name: &str, value: Json| event.insert(name.to_owned(), value);
    put("requestContext", json!({ "elb": { "targetGroupArn": target_group_arn } }));
    put("httpMethod", request.method.as_str().into());
    put("path", path.into());
    put(parameters_name, shown(parameters, values));
    put(headers_name, shown(headers, values));
    put("body", body.into());
    put("isBase64Encoded", is_base64.into());
    Json::Object(event)
}

/// The event of a health check.
pub fn health_check(path: &str, target_group_arn: &str, values: Values) -> Json {
    let request = Request {
        method: http::Method::GET,
        path: path.to_owned(),
        query: String::new(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
    };
    let headers = vec![("user-agent".to_owned(), vec!["ELB-HealthChecker/2.0".to_owned()])];
    event(&request, path, headers, target_group_arn, values)
}

fn shown(all: BTreeMap<String, Vec<String>>, values: Values) -> Json {
    match values {
        Values::Last => json!(
            all.into_iter()
                .filter_map(|(name, values)| Some((name, values.into_iter().next_back()?)))
                .collect::<BTreeMap<_, _>>()
        ),
        Values::All => json!(all),
    }
}

/// Names and values of a query, not decoded.
fn parameters(query: &str) -> BTreeMap<String, Vec<String>> {
    let mut parameters = BTreeMap::<String, Vec<String>>::new();
    for field in query.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        parameters.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    parameters
}

/// The body, and whether it is in base64: as all is that is compressed, or does not say that it is text.
fn body(request: &Request) -> (String, bool) {
    let media_type = request.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    let is_text = media_type.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&media_type.as_str());
    match std::str::from_utf8(&request.body) {
        Ok("") => (String::new(), false),
        Ok(text) if is_text && request.header("content-encoding").is_none() => (text.to_owned(), false),
        _ => (parts::base64(&request.body), true),
    }
}

/// The answer of what a function returned; `None` for what the load balancer calls malformed.
///
/// Evidence: an answer with the headers of the other kind alone is refused (`LambdaInvalidResponse` in access logs), so
/// are a status that is no number and values that are no text.
pub fn answer(payload: &[u8], values: Values) -> Option<Response> {
    let Json::Object(object) = serde_json::from_slice(payload).ok()? else { return None };
    let (own, other) = match values {
        Values::Last => ("headers", "multiValueHeaders"),
        Values::All => ("multiValueHeaders", "headers"),
    };
    let given = |name: &str| object.get(name).filter(|value| !value.is_null());
    if given(own).is_none() && given(other).is_some() {
        return None;
    }
    if given("statusDescription").is_some_and(|text| !text.is_string())
        || given("isBase64Encoded").is_some_and(|flag| !flag.is_boolean())
    {
        return None;
    }
    let status = given("statusCode")?.as_u64().and_then(|status| u16::try_from(status).ok());
    let mut head = Head::plain();
    head.status = status.filter(|status| (200..600).contains(status))?;
    let mut server = None;
    let none = Map::new();
    for (name, value) in given(own).map_or(Some(&none), Json::as_object)? {
        let name = name.to_ascii_lowercase();
        let values = match values {
            Values::Last => vec![value],
            Values::All => value.as_array()?.iter().collect(),
        };
        for value in values {
            let value = value.as_str()?.to_owned();
            match name.as_str() {
                "server" => server = Some(value),
                "content-length" | "date" => {}
                of_connection if OF_CONNECTION.contains(&of_connection) => {}
                _ => head.headers.push((name.clone(), value)),
            }
        }
    }
    let mut response = head.with_body("application/octet-stream", answer::body(&object)?);
    if let Some(server) = server {
        insert_header(&mut response.headers, "server", &server);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    fn request(query: &str, headers: &[(&'static str, &'static str)], body: &'static [u8]) -> Request {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let (path, query, body) = ("/a".to_owned(), query.to_owned(), Bytes::from_static(body));
        Request { method: Method::POST, path, query, headers: map, body }
    }

    #[test]
    fn text_goes_as_it_is_and_all_else_in_base64() {
        let check =
            |headers: &[(&'static str, &'static str)], text: &'static [u8], expected: (&str, bool)| {
                let found = body(&request("", headers, text));
                assert_eq!((found.0.as_str(), found.1), expected, "{headers:?}");
            };
        for text in
            ["text/csv", "Application/JSON; charset=utf-8", "application/xml", "application/javascript"]
        {
            check(&[("content-type", text)], b"hi", ("hi", false));
        }
        for other in ["application/x-www-form-urlencoded", "image/svg+xml", "application/problem+json"] {
            check(&[("content-type", other)], b"hi", ("aGk=", true));
        }
        check(&[], b"hi", ("aGk=", true));
        check(&[], b"", ("", false));
        check(&[("content-type", "text/plain"), ("content-encoding", "gzip")], b"hi", ("aGk=", true));
        check(&[("content-type", "text/plain")], b"\xff", ("/w==", true));
    }

    #[test]
    fn queries_stay_as_they_came() {
        let shown_as = |query: &str, values| shown(parameters(query), values);
        let query = "a=1&b=%2B+c&a=2&d";
        assert_eq!(shown_as(query, Values::Last), json!({ "a": "2", "b": "%2B+c", "d": "" }));
        assert_eq!(shown_as(query, Values::All), json!({ "a": ["1", "2"], "b": ["%2B+c"], "d": [""] }));
        assert_eq!(shown_as("", Values::Last), json!({}));
    }

    #[test]
    fn headers_of_the_connection_are_nobody_elses() {
        let headers = vec![
            ("connection".to_owned(), vec!["close".to_owned()]),
            ("x-a".to_owned(), vec!["1".to_owned(), "2".to_owned()]),
        ];
        let event = event(&request("", &[], b""), "/a", headers, "arn", Values::Last);
        assert_eq!(event["headers"], json!({ "x-a": "2" }));
        let answer = answer(
            br#"{"statusCode":200,"headers":{"Transfer-Encoding":"chunked","Content-Length":"9","X-A":"1"},"body":"x"}"#,
            Values::Last,
        );
        let names =
            answer.expect("an answer").headers.keys().map(|name| name.to_string()).collect::<Vec<_>>();
        assert_eq!(names, ["content-type", "x-a"]);
    }

    #[test]
    fn malformed_answers_are_none() {
        for (payload, values) in [
            ("", Values::Last),
            (r#""text""#, Values::Last),
            ("{}", Values::Last),
            (r#"{"statusCode":"200"}"#, Values::Last),
            (r#"{"statusCode":99}"#, Values::Last),
            (r#"{"statusCode":200,"headers":{"a":1}}"#, Values::Last),
            (r#"{"statusCode":200,"headers":[]}"#, Values::Last),
            (r#"{"statusCode":200,"headers":null,"multiValueHeaders":{"a":["1"]}}"#, Values::Last),
            (r#"{"statusCode":200,"headers":{"a":"1"}}"#, Values::All),
            (r#"{"statusCode":200,"multiValueHeaders":{"a":"1"}}"#, Values::All),
            (r#"{"statusCode":200,"body":{}}"#, Values::Last),
            (r#"{"statusCode":200,"body":"%","isBase64Encoded":true}"#, Values::Last),
            (r#"{"statusCode":200,"isBase64Encoded":"yes"}"#, Values::Last),
            (r#"{"statusCode":200,"statusDescription":200}"#, Values::Last),
        ] {
            assert!(answer(payload.as_bytes(), values).is_none(), "{payload}");
        }
    }

    #[test]
    fn answers_have_their_headers_and_bytes() {
        let payload = r#"{"statusCode":201,"statusDescription":"201 Created","isBase64Encoded":true,"body":"aGk=",
            "headers":{"x-gone":"1"},"multiValueHeaders":{"Set-Cookie":["a=1","b=2"],"Content-Type":["text/plain"]}}"#;
        let response = answer(payload.as_bytes(), Values::All).expect("an answer");
        assert_eq!((response.status, &**response.body.whole().expect("whole")), (201, &b"hi"[..]));
        assert_eq!(response.headers["content-type"], "text/plain");
        assert_eq!(response.headers.get_all("set-cookie").iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert!(response.headers.get("x-gone").is_none());
        let bare = answer(br#"{"statusCode":200,"body":"x"}"#, Values::Last).expect("an answer");
        assert_eq!(bare.headers["content-type"], "application/octet-stream");
    }
}
