//! What S3 does in a way of its own on the wire: buckets in host names, its words for the wire's errors, headers of
//! every answer, CORS.

use aws_auth::Scope;
use aws_wire::{AwsError, Body, Request, Response, rest};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderValue, Method};
use percent_encoding::percent_decode_str;
use service::{Ctx, Edge, Head, Pending};

use crate::cors::{self, Wish};
use crate::errors;

/// Other services' names, which as `NAME.localhost` are theirs.
const SERVICES: [&str; 16] = [
    "dynamodb",
    "events",
    "iam",
    "kinesis",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "scheduler",
    "ses",
    "sns",
    "sqs",
    "ssm",
    "states",
    "sts",
    "xray",
];
/// Parameters of operations whose body is a document.
const DOCUMENTS: [&str; 17] = [
    "accelerate",
    "acl",
    "cors",
    "delete",
    "encryption",
    "legal-hold",
    "lifecycle",
    "notification",
    "object-lock",
    "ownershipControls",
    "publicAccessBlock",
    "retention",
    "tagging",
    "uploadId",
    "versioning",
    "website",
    "policy",
];

pub(crate) struct S3Edge;

impl Edge for S3Edge {
    fn path(&self, request: &Request) -> Option<String> {
        let host = request.header("host")?;
        match bucket_of_host(host, Scope::of(request).as_ref().map(|scope| scope.service.as_str()))? {
            "" => Some(request.path.clone()),
            bucket => Some(format!("/{bucket}{}", request.path)),
        }
    }

    fn refusal(&self, head: &Head, error: AwsError) -> AwsError {
        let is_document = head
            .query
            .split('&')
            .any(|field| DOCUMENTS.contains(&field.split('=').next().unwrap_or_default()))
            && !head.query.contains("partNumber");
        match error.code.as_ref() {
            "ValidationException" | "SerializationException" if is_document => errors::malformed_xml(),
            "SerializationException" if head.method == Method::PUT && head.query.is_empty() => {
                errors::malformed_xml()
            }
            "ValidationException" | "SerializationException" => {
                let message = error.message.unwrap_or_default();
                errors::other(400, "InvalidArgument", message)
            }
            "UnknownOperationException" => {
                let message = "The specified method is not allowed against this resource.";
                errors::other(405, "MethodNotAllowed", message).with("Method", head.method.as_str())
            }
            "ServiceException" => {
                let message = "We encountered an internal error. Please try again.";
                errors::other(500, "InternalError", message)
            }
            "ServiceUnavailableException" => {
                errors::other(503, "SlowDown", "Please reduce your request rate.")
            }
            _ => error,
        }
    }

    fn finish(&self, cx: Ctx, head: Head, response: Response) -> Pending<Response> {
        Box::pin(async move {
            let mut response = finish(&cx.request_id, &head, response);
            let path = percent_decode_str(&head.path).decode_utf8_lossy();
            let bucket = path.trim_start_matches('/').split('/').next().unwrap_or_default();
            if let Some(origin) = head.header("origin").filter(|_| !bucket.is_empty()) {
                let wish = Wish { origin, method: head.method.as_str(), headers: Vec::new() };
                // Without the store there is no answer worth telling a browser of either.
                if let Ok(snapshot) = cx.kv.snapshot().await
                    && let Ok(Some(rules)) = cors::rules(&snapshot, bucket)
                    && let Some(rule) = cors::find(&rules, &wish)
                {
                    cors::allow(rule, &wish, &mut response);
                }
            }
            response
        })
    }
}

/// What every answer of S3 has.
pub(crate) fn finish(request_id: &str, head: &Head, mut response: Response) -> Response {
    rest::insert_header(&mut response.headers, "x-amz-id-2", request_id);
    rest::insert_header(&mut response.headers, "server", "AmazonS3");
    // The model has one status for `GetObject`; a range is another.
    if response.status == 200 && head.method != Method::PUT && response.headers.contains_key(CONTENT_RANGE) {
        response.status = 206;
    }
    let is_document = response.headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/xml");
    // Objects never come whole: what does is a document of S3's own.
    if let (true, Some(body)) = (is_document, response.body.whole())
        && body.starts_with(b"<")
        && !body.starts_with(b"<?")
    {
        let declared = [b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", &body[..]].concat();
        response.body = Body::Whole(declared.into());
    }
    let failed = response.status >= 300;
    if failed && let Some(body) = response.body.whole() {
        let text = String::from_utf8_lossy(body);
        if let Some(rest) = text.strip_suffix("</Error>") {
            let path = percent_decode_str(&head.path).decode_utf8_lossy();
            let mut resource = String::new();
            aws_wire::xml::write_text_element(&mut resource, "Resource", &path);
            let text = format!("{rest}<HostId>{request_id}</HostId>{resource}</Error>");
            response.body = Body::Whole(text.into());
        }
    }
    if response.status == 304 || (head.method == Method::HEAD && failed) {
        response.body = Body::Whole(Bytes::new());
        response.headers.remove(CONTENT_TYPE);
    }
    if head.method == Method::HEAD && failed {
        response.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    response
}

/// The bucket that a host names; empty for S3's host itself, `None` for a host that is not S3's. `scope` is the
/// service that the request is signed for.
pub(crate) fn bucket_of_host<'h>(host: &'h str, scope: Option<&str>) -> Option<&'h str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    // `s3.localhost`, `s3.eu-west-1.amazonaws.com`, `s3-eu-west-1.amazonaws.com`, `s3.dualstack…`
    let is_s3 = |rest: &str| {
        let ours = rest.ends_with(".localhost") || rest.ends_with(".amazonaws.com");
        ours && (rest.starts_with("s3.") || rest.starts_with("s3-")) && !rest.starts_with("s3-website")
    };
    if is_s3(name) {
        return Some("");
    }
    let dots = name.match_indices('.').map(|(position, _)| position);
    // A bucket's name may have dots: the first that S3's own host stands behind ends it.
    if let Some(position) = dots.clone().find(|position| is_s3(&name[position + 1..])) {
        return Some(&name[..position]);
    }
    let bucket = name.strip_suffix(".localhost")?;
    let is_ours = match scope {
        Some(scope) => scope == "s3",
        None => !bucket.contains('.') && !SERVICES.contains(&bucket),
    };
    is_ours.then_some(bucket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_buckets() {
        for (host, scope, expected) in [
            ("localhost:4566", Some("s3"), None),
            ("127.0.0.1:4566", None, None),
            ("s3.localhost:4566", None, Some("")),
            ("s3.eu-west-1.amazonaws.com", None, Some("")),
            ("a.s3.localhost:4566", None, Some("a")),
            ("a.b.s3.localhost", None, Some("a.b")),
            ("a.s3.eu-west-1.amazonaws.com", None, Some("a")),
            ("a.s3-eu-west-1.amazonaws.com", None, Some("a")),
            ("a.localhost:4566", Some("s3"), Some("a")),
            ("a.localhost:4566", None, Some("a")),
            ("a.localhost:4566", Some("lambda"), None),
            ("lambda.localhost", None, None),
            ("id.lambda-url.eu-west-1.localhost", None, None),
            ("a.s3-website.localhost", None, None),
        ] {
            assert_eq!(bucket_of_host(host, scope), expected, "{host} {scope:?}");
        }
    }
}
