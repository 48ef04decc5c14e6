//! The client's answer of what a function returns.

use aws_wire::rest::insert_header;
use aws_wire::{Body, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value as Json};

/// A function's answer as it says it: status, headers and cookies. `body` says its own.
#[derive(Debug, PartialEq)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    cookies: Vec<String>,
}

impl Head {
    pub fn plain() -> Self {
        Self { status: 200, headers: Vec::new(), cookies: Vec::new() }
    }

    /// The head of an answer that says nothing but what it is.
    pub fn of_type(content_type: &str) -> Self {
        Self { headers: vec![("content-type".to_owned(), content_type.to_owned())], ..Self::plain() }
    }

    /// The JSON that goes before a streamed body.
    pub fn from_prelude(json: &[u8]) -> Option<Self> {
        let Json::Object(object) = serde_json::from_slice(json).ok()? else { return None };
        Self::from_object(&object)
    }

    /// None where an answer's members are not of their kinds.
    pub fn from_object(object: &Map<String, Json>) -> Option<Self> {
        let mut head = Self::plain();
        if let Some(status) = object.get("statusCode").filter(|status| !status.is_null()) {
            head.status = status_code(status)?;
        }
        if let Some(headers) = present(object, "headers") {
            for (name, value) in headers.as_object()? {
                head.headers.push((name.clone(), header_value(value)?));
            }
        }
        if let Some(headers) = present(object, "multiValueHeaders") {
            for (name, values) in headers.as_object()? {
                for value in values.as_array()? {
                    head.headers.push((name.clone(), header_value(value)?));
                }
            }
        }
        if let Some(cookies) = present(object, "cookies") {
            for cookie in cookies.as_array()? {
                head.cookies.push(cookie.as_str()?.to_owned());
            }
        }
        Some(head)
    }

    /// The answer; `default_type` is that of a body which does not say.
    pub fn with_body(&self, default_type: &str, body: impl Into<Body>) -> Response {
        let mut response = Response::empty(self.status);
        insert_header(&mut response.headers, "content-type", default_type);
        let mut own_type = false;
        for (name, value) in &self.headers {
            let lower = name.to_ascii_lowercase();
            // How the message is carried is the platform's affair.
            let name =
                if CARRIAGE.contains(&lower.as_str()) { format!("x-amzn-remapped-{lower}") } else { lower };
            if name == "content-type" {
                // The first takes the default's place.
                if !std::mem::replace(&mut own_type, true) {
                    response.headers.remove("content-type");
                }
            }
            append(&mut response, &name, value);
        }
        for cookie in &self.cookies {
            append(&mut response, "set-cookie", cookie);
        }
        if !matches!(self.status, 204 | 304) {
            response.body = body.into();
        }
        response
    }
}

/// Headers that API Gateway gives another name, so that a function does not break the connection.
const CARRIAGE: [&str; 9] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "server",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A header that can't be one is left out: a function must not be able to break our answer apart.
fn append(response: &mut Response, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        response.headers.append(name, value);
    }
}

fn present<'a>(object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    object.get(name).filter(|value| !value.is_null())
}

fn status_code(value: &Json) -> Option<u16> {
    let number = match value {
        Json::Number(number) => number.as_u64()?,
        Json::String(text) => text.parse().ok()?,
        _ => return None,
    };
    u16::try_from(number).ok().filter(|status| (200..600).contains(status))
}

fn header_value(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The answer to a buffered invocation that returned `payload`; none where that makes no sense.
pub fn buffered(payload: &Bytes) -> Option<Response> {
    let value: Json = serde_json::from_slice(payload).ok()?;
    let object = match value {
        Json::Object(object) if object.contains_key("statusCode") => object,
        // Whatever does not look like an answer is the body of one.
        Json::String(text) => return Some(Head::plain().with_body("application/json", text)),
        _ => return Some(Head::plain().with_body("application/json", payload.clone())),
    };
    let (head, body) = (Head::from_object(&object)?, body(&object)?);
    Some(head.with_body("application/json", body))
}

/// The body of an answer; `None` where it is no text, or not in base64 as it says.
pub fn body(object: &Map<String, Json>) -> Option<Bytes> {
    match present(object, "body") {
        None => Some(Bytes::new()),
        Some(body) if object.get("isBase64Encoded") == Some(&Json::Bool(true)) => {
            Some(BASE64.decode(body.as_str()?).ok()?.into())
        }
        Some(body) => Some(body.as_str()?.to_owned().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &str, expected: Option<(u16, &str, &str)>) {
        let found = buffered(&Bytes::copy_from_slice(payload.as_bytes()));
        let found = found.as_ref().map(|response| {
            let content_type = response.headers["content-type"].to_str().expect("text");
            let body = response.body.whole().expect("a whole body");
            (response.status, content_type, std::str::from_utf8(body).expect("text"))
        });
        assert_eq!(found, expected, "{payload}");
    }

    #[test]
    fn what_is_no_answer_is_a_body() {
        let json = "application/json";
        check("\"text\"", Some((200, json, "text")));
        check(r#"{"a":1}"#, Some((200, json, r#"{"a":1}"#)));
        check("[1,2]", Some((200, json, "[1,2]")));
        check("null", Some((200, json, "null")));
        check("no json", None);
        check("", None);
    }

    #[test]
    fn an_answer_says_status_type_and_body() {
        let html = "text/html";
        check(r#"{"statusCode":200}"#, Some((200, "application/json", "")));
        check(
            r#"{"statusCode":"404","body":"x","headers":{"Content-Type":"text/html"}}"#,
            Some((404, html, "x")),
        );
        check(
            r#"{"statusCode":201,"body":"aGk=","isBase64Encoded":true,"headers":null}"#,
            Some((201, "application/json", "hi")),
        );
        check(r#"{"statusCode":204,"body":"x"}"#, Some((204, "application/json", "")));
    }

    #[test]
    fn answers_that_make_no_sense_are_none() {
        for payload in [
            r#"{"statusCode":"x"}"#,
            r#"{"statusCode":99}"#,
            r#"{"statusCode":100}"#,
            r#"{"statusCode":600}"#,
            r#"{"statusCode":200,"body":{}}"#,
            r#"{"statusCode":200,"body":"%","isBase64Encoded":true}"#,
            r#"{"statusCode":200,"headers":[]}"#,
            r#"{"statusCode":200,"headers":{"a":[]}}"#,
            r#"{"statusCode":200,"cookies":"a=b"}"#,
        ] {
            check(payload, None);
        }
    }

    #[test]
    fn headers_go_out_safely() {
        let payload = r#"{"statusCode":200,"headers":{"Transfer-Encoding":"chunked","x-n":1,"x-bad":"a\r\nb: c"},
            "multiValueHeaders":{"x-m":["1","2"]},"cookies":["a=1","b=2"]}"#;
        let response = buffered(&Bytes::from_static(payload.as_bytes())).expect("an answer");
        let all = |name: &str| {
            response.headers.get_all(name).iter().map(|v| v.to_str().expect("text")).collect::<Vec<_>>()
        };
        assert_eq!(all("set-cookie"), ["a=1", "b=2"]);
        assert_eq!(all("x-m"), ["1", "2"]);
        assert_eq!(all("x-n"), ["1"]);
        assert_eq!(all("x-amzn-remapped-transfer-encoding"), ["chunked"]);
        assert!(all("transfer-encoding").is_empty() && all("x-bad").is_empty());
    }
}
