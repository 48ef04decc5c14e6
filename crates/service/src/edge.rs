//! What an API does in a way of its own at the edge of the wire: hosts that stand for paths, its errors' words, last
//! touches to its answers. Few need one.

use aws_wire::{AwsError, Request, Response};
use http::{HeaderMap, Method};

use crate::Ctx;
use crate::register::Pending;

/// A request without its body, for who looks at its answer.
#[derive(Clone, Debug)]
pub struct Head {
    pub method: Method,
    /// As it stands for in the API, percent-encoded.
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
}

impl Head {
    pub fn of(request: &Request) -> Self {
        Self {
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: request.headers.clone(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An API's own ways.
pub trait Edge: Send + Sync {
    /// The path that a request to one of the API's own hosts stands for; `None` when the host is none of those.
    fn path(&self, request: &Request) -> Option<String>;

    /// An error of the wire's or of authentication in the API's words.
    fn refusal(&self, head: &Head, error: AwsError) -> AwsError;

    /// Finishes an answer, be it good or an error. `cx` has the account and region of who asked, or the default's.
    fn finish(&self, cx: Ctx, head: Head, response: Response) -> Pending<Response>;
}
