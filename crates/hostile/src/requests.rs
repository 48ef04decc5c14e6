//! Targets that go through the front door.

use aws_wire::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use serde_json::{Value as Json, json};

use crate::stage::{self, Stage};

/// Names and values that expressions may use, as the letter behind their mark says.
const NAMES: [&str; 4] = ["n", "m", "l", "s"];
const VALUES: [(&str, &str); 7] = [
    ("n", r#"{"N":"5"}"#),
    ("s", r#"{"S":"t"}"#),
    ("b", r#"{"B":"AQ=="}"#),
    ("l", r#"{"L":[{"N":"1"}]}"#),
    ("m", r#"{"M":{}}"#),
    ("z", r#"{"SS":["a"]}"#),
    ("q", r#"{"NS":["1","3"]}"#),
];

/// A request, whose first line says how it is to be read:
///
/// - `sqs json SendMessage`, `kinesis cbor PutRecord`: a body for an operation;
/// - `sns form`: a form;
/// - `s3 PUT /b-1?tagging`: headers, an empty line, a body.
pub(crate) fn wire(bytes: &[u8]) {
    stage::with(async |stage| {
        if let Some(request) = request_of(stage, bytes) {
            stage.send(request).await;
        }
    });
}

fn request_of(stage: &Stage, bytes: &[u8]) -> Option<Request> {
    let (line, rest) = line_of(bytes)?;
    let words = line.split(' ').collect::<Vec<_>>();
    let (service, headers) = match words[..] {
        [service, "json", operation] => {
            (service, stage.target(service, operation, "application/x-amz-json-1.1")?.to_vec())
        }
        [service, "cbor", operation] => {
            (service, stage.target(service, operation, "application/x-amz-cbor-1.1")?.to_vec())
        }
        [service, "form"] => {
            (service, vec![("content-type", "application/x-www-form-urlencoded".to_owned())])
        }
        [service, method, address] => return rest_of(service, method, address, rest),
        _ => return None,
    };
    let mut request = signed(service)?;
    for (name, value) in headers {
        request.headers.insert(name, HeaderValue::try_from(value).ok()?);
    }
    request.body = Bytes::copy_from_slice(rest);
    Some(request)
}

fn signed(service: &str) -> Option<Request> {
    let is_name = !service.is_empty() && service.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then(|| testkit::request("POST", "/", service, &[], b""))
}

/// A request whose address and headers are as a listener would let them in.
pub(crate) fn rest_of(service: &str, method: &str, address: &str, mut rest: &[u8]) -> Option<Request> {
    let address = address.parse::<Uri>().ok().filter(|address| address.path().starts_with('/'))?;
    let mut request = signed(service)?;
    request.method = Method::from_bytes(method.as_bytes()).ok()?;
    address.path().clone_into(&mut request.path);
    address.query().unwrap_or_default().clone_into(&mut request.query);
    while let Some((line, after)) = line_of(rest) {
        rest = after;
        let Some((name, value)) = line.split_once(": ") else { break };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        request.headers.append(name, HeaderValue::try_from(value).ok()?);
    }
    request.body = Bytes::copy_from_slice(rest);
    Some(request)
}

pub(crate) fn line_of(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

/// An expression of DynamoDB; the first letter says of which kind.
pub(crate) fn expressions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((kind, text)) = text.split_at_checked(1) else { return };
    let key = json!({ "h": { "S": "a" }, "r": { "N": "1" } });
    let (operation, parameter) = match kind {
        "c" => ("Scan", "FilterExpression"),
        "k" => ("Query", "KeyConditionExpression"),
        "p" => ("GetItem", "ProjectionExpression"),
        _ => ("UpdateItem", "UpdateExpression"),
    };
    let mut body = json!({ "TableName": "tab", parameter: text });
    if matches!(operation, "GetItem" | "UpdateItem") {
        body["Key"] = key;
    }
    // What is given must be used.
    for name in NAMES.iter().filter(|name| text.contains(&format!("#{name}"))) {
        body["ExpressionAttributeNames"][format!("#{name}")] = json!(name);
    }
    for (name, value) in VALUES.iter().filter(|(name, _)| text.contains(&format!(":{name}"))) {
        let value = serde_json::from_str::<Json>(value).expect("written above");
        body["ExpressionAttributeValues"][format!(":{name}")] = value;
    }
    stage::with(async |stage| stage.json("DynamoDB", operation, &body).await);
}

/// A statement of PartiQL; as many parameters as it has question marks.
pub(crate) fn statements(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut body = json!({ "Statement": text });
    let count = text.matches('?').count();
    if count > 0 {
        body["Parameters"] = vec![json!({ "S": "a" }); count].into();
    }
    stage::with(async |stage| stage.json("DynamoDB", "ExecuteStatement", &body).await);
}

/// A filter pattern of Logs.
pub(crate) fn filters(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let body = json!({ "logGroupName": "g", "filterPattern": text });
    stage::with(async |stage| stage.json("logs", "FilterLogEvents", &body).await);
}

/// A mail as its sender wrote it, which is then looked at in the mailbox.
pub(crate) fn mails(bytes: &[u8]) {
    let message = percent(&BASE64.encode(bytes));
    let form =
        format!("Action=SendRawEmail&Version=2010-12-01&Source=a%40example.com&RawMessage.Data={message}");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    stage::with(async |stage| {
        stage.send(testkit::request("POST", "/", "ses", &headers, form)).await;
        stage.send(testkit::request("GET", "/_aws/ses", "", &[], b"")).await;
    });
}

fn percent(base64: &str) -> String {
    base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// A package of code.
pub(crate) fn zips(bytes: &[u8]) {
    let body = json!({ "Content": { "ZipFile": BASE64.encode(bytes) } });
    let headers = [("content-type", "application/json")];
    let path = "/2018-10-31/layers/l/versions";
    stage::with(async |stage| {
        stage.send(testkit::request("POST", path, "lambda", &headers, body.to_string())).await
    });
}
