//! Errors as CloudFront writes them: inside an `ErrorResponse`, where S3's documents begin with the error itself.

use api_cloudfront::errors;
use aws_wire::{AwsError, Body, Request, Response};
use service::{Ctx, Edge, Head, Pending};

const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";

pub(crate) struct CloudFrontEdge;

impl Edge for CloudFrontEdge {
    fn path(&self, _request: &Request) -> Option<String> {
        None
    }

    fn refusal(&self, _head: &Head, error: AwsError) -> AwsError {
        match error.code.as_ref() {
            // AWS says so of what its model forbids, in the words of the wire.
            "ValidationException" => errors::invalid_argument(error.message.unwrap_or_default()),
            "SerializationException" => {
                AwsError::common("MalformedInput", 400, error.message.unwrap_or_default())
            }
            _ => error,
        }
    }

    fn finish(&self, _cx: Ctx, _head: Head, mut response: Response) -> Pending<Response> {
        if let Some(text) = wrapped(&response) {
            response.body = Body::Whole(text.into());
        }
        Box::pin(std::future::ready(response))
    }
}

/// `<Error>…<RequestId>…</Error>` becomes `<ErrorResponse><Error><Type>…</Error><RequestId>…</ErrorResponse>`.
fn wrapped(response: &Response) -> Option<String> {
    if response.status < 400 {
        return None;
    }
    let text = std::str::from_utf8(response.body.whole()?).ok()?;
    let (declaration, error) = text.split_once("<Error>")?;
    let (error, request_id) = error.split_once("<RequestId>")?;
    let request_id = request_id.strip_suffix("</RequestId></Error>")?;
    let fault = if response.status < 500 { "Sender" } else { "Receiver" };
    Some(format!(
        "{declaration}<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type>{error}</Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    ))
}
