//! The event of a request to a URL: payload format 2.0.

use std::collections::BTreeMap;
use std::net::IpAddr;

use aws_wire::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use env::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json, json};
use service::Caller;

/// What an event tells beside the request itself.
pub(super) struct Surroundings<'a> {
    pub id: &'a str,
    /// Its host, without a port.
    pub domain_name: &'a str,
    /// Below the URL, with the first slash; as it came.
    pub path: &'a str,
    pub request_id: &'a str,
    pub trace_id: &'a str,
    pub port: u16,
    pub peer: IpAddr,
    pub now: Timestamp,
    /// Of a URL that wants a signature: who signed, and with which key.
    pub signer: Option<(&'a Caller, &'a str)>,
}

/// The event, as JSON.
pub(super) fn event(request: &Request, around: &Surroundings<'_>) -> Json {
    let mut event = Map::new();
    let mut put = |name: &str, value: Json| event.insert(name.to_owned(), value);
    put("version", "2.0".into());
    put("routeKey", "$default".into());
    put("rawPath", around.path.into());
    put("rawQueryString", request.query.as_str().into());
    let cookies = cookies(request);
    if !cookies.is_empty() {
        put("cookies", cookies.into());
    }
    put("headers", headers(request, around));
    let parameters = parameters(&request.query);
    if !parameters.is_empty() {
        put("queryStringParameters", json!(parameters));
    }
    put("requestContext", context(request, around));
    let (body, is_base64) = body(request);
    if let Some(body) = body {
        put("body", body.into());
    }
    put("isBase64Encoded", is_base64.into());
    Json::Object(event)
}

fn context(request: &Request, around: &Surroundings<'_>) -> Json {
    let mut context = Map::new();
    let mut put = |name: &str, value: Json| context.insert(name.to_owned(), value);
    put("accountId", around.signer.map_or("anonymous", |(caller, _)| &*caller.account).into());
    put("apiId", around.id.into());
    if let Some((caller, access_key_id)) = around.signer {
        let iam = json!({
            "accessKey": access_key_id,
            "accountId": &*caller.account,
            "callerId": caller.principal.user_id,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": caller.principal.arn,
            "userId": caller.principal.user_id,
        });
        put("authorizer", json!({ "iam": iam }));
    }
    put("domainName", around.domain_name.into());
    put("domainPrefix", around.id.into());
    let http = json!({
        "method": request.method.as_str(),
        "path": around.path,
        "protocol": "HTTP/1.1",
        "sourceIp": around.peer.to_canonical().to_string(),
        "userAgent": request.header("user-agent").unwrap_or_default(),
    });
    put("http", http);
    put("requestId", around.request_id.into());
    put("routeKey", "$default".into());
    put("stage", "$default".into());
    put("time", clf_time(around.now).into());
    put("timeEpoch", around.now.as_millis().into());
    Json::Object(context)
}

/// Every header but cookies, in small letters; one that came more than once is joined.
fn headers(request: &Request, around: &Surroundings<'_>) -> Json {
    let mut headers = Map::new();
    for name in request.headers.keys().filter(|name| *name != "cookie") {
        let values = request.headers.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect::<Vec<_>>();
        headers.insert(name.as_str().to_owned(), values.join(",").into());
    }
    let peer = around.peer.to_canonical().to_string();
    let forwarded = match headers.get("x-forwarded-for").and_then(Json::as_str) {
        Some(before) => format!("{before}, {peer}"),
        None => peer,
    };
    headers.insert("x-forwarded-for".to_owned(), forwarded.into());
    headers.insert("x-forwarded-proto".to_owned(), "http".into());
    headers.insert("x-forwarded-port".to_owned(), around.port.to_string().into());
    headers.insert("x-amzn-trace-id".to_owned(), around.trace_id.into());
    Json::Object(headers)
}

fn cookies(request: &Request) -> Vec<String> {
    let values = request.headers.get_all("cookie").iter();
    let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let cookies =
        values.flat_map(|value| value.split(';').map(|one| one.trim().to_owned()).collect::<Vec<_>>());
    cookies.filter(|cookie| !cookie.is_empty()).collect()
}

/// The parameters of a query, decoded; values of one name are joined.
fn parameters(query: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut parameters = BTreeMap::<String, String>::new();
    for field in query.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let (name, value) = (decode(name), decode(value));
        parameters.entry(name).and_modify(|known| *known = format!("{known},{value}")).or_insert(value);
    }
    parameters
}

/// The body and whether it is in base64, as all is that does not say that it is text.
fn body(request: &Request) -> (Option<String>, bool) {
    if request.body.is_empty() {
        return (None, false);
    }
    let content_type = request.header("content-type").unwrap_or_default();
    match std::str::from_utf8(&request.body) {
        Ok(text) if is_text(content_type) => (Some(text.to_owned()), false),
        _ => (Some(BASE64.encode(&request.body)), true),
    }
}

fn is_text(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || ["application/json", "application/xml", "application/javascript"].contains(&media_type.as_str())
}

/// `23/Nov/2026:10:11:12 +0000`, as logs of web servers have it.
fn clf_time(at: Timestamp) -> String {
    let at =
        time::OffsetDateTime::from_unix_timestamp(at.as_secs()).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let format =
        time::macros::format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
    at.format(format).expect("every component exists")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_joined() {
        let check = |query: &str, expected: &[(&str, &str)]| {
            let expected = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(parameters(query), expected, "{query}");
        };
        check("", &[]);
        check("a=1&b=2&a=3", &[("a", "1,3"), ("b", "2")]);
        check("a+b=%2B+c&d&e=", &[("a b", "+ c"), ("d", ""), ("e", "")]);
        check("a=b=c&&", &[("a", "b=c")]);
    }

    #[test]
    fn only_text_goes_as_it_is() {
        for text in
            ["text/plain", "Application/JSON; charset=utf-8", "application/problem+json", "image/svg+xml"]
        {
            assert!(is_text(text), "{text}");
        }
        for binary in ["", "application/octet-stream", "application/x-www-form-urlencoded", "image/png"] {
            assert!(!is_text(binary), "{binary}");
        }
    }

    #[test]
    fn times_are_as_in_logs() {
        assert_eq!(clf_time(Timestamp::from_secs(1_795_428_672)), "23/Nov/2026:10:11:12 +0000");
    }
}
