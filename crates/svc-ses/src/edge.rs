//! The wire's own errors in the words of each API.

use aws_wire::{AwsError, Request, Response};
use service::{Ctx, Edge, Head, Pending};

/// What the API calls a request that breaks the model's constraints, instead of `ValidationException`.
pub(crate) enum SesEdge {
    /// Of 2010: `ValidationError`.
    V1,
    /// Of 2019: `BadRequestException`.
    V2,
}

impl Edge for SesEdge {
    fn path(&self, _request: &Request) -> Option<String> {
        None
    }

    fn refusal(&self, _head: &Head, error: AwsError) -> AwsError {
        let code = match self {
            Self::V1 => "ValidationError",
            Self::V2 => "BadRequestException",
        };
        match error.code.as_ref() {
            "ValidationException" => AwsError { code: code.into(), ..error },
            _ => error,
        }
    }

    fn finish(&self, _cx: Ctx, _head: Head, response: Response) -> Pending<Response> {
        Box::pin(std::future::ready(response))
    }
}
