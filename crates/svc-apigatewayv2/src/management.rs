//! Where `@connections` is: on the hosts of APIs, below their stages. The API that has it knows neither; so an address
//! stands for a connection whose name has them in it.

use std::sync::Arc;

use aws_wire::{AwsError, Request, Response};
use execute_api::Front;
use execute_api::address::{self, Address, Kind};
use service::{Ctx, Edge, Head, Pending};

const MARK: &str = "@connections";
const OWN: &str = "/@connections/";

/// A connection as its address names it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named<'a> {
    pub api_id: &'a str,
    pub stage: &'a str,
    pub connection_id: &'a str,
}

impl<'a> Named<'a> {
    /// `{api}/{stage}/{connection}`, as [`ConnectionsEdge`] makes it.
    pub(crate) fn parse(name: &'a str) -> Option<Self> {
        let (api_id, rest) = name.split_once('/')?;
        let (stage, connection_id) = rest.split_once('/')?;
        Some(Self { api_id, stage, connection_id })
    }
}

/// Whether an address is one of connections'.
pub(crate) fn is_connections(address: &Address) -> bool {
    parts(address).is_some()
}

/// The stage and what follows the mark, percent-encoded.
fn parts(address: &Address) -> Option<(&str, &str)> {
    let (stage, rest) = match address.mapped.as_ref().and_then(|mapped| mapped.stage.as_deref()) {
        Some(stage) => (stage, address.path.as_str()),
        None => address::split(address.path.strip_prefix('/')?),
    };
    let (mark, connection) = address::split(rest.strip_prefix('/')?);
    // Clients encode what need not be.
    let is_mark = mark == MARK || mark.eq_ignore_ascii_case("%40connections");
    (is_mark && !stage.is_empty()).then(|| (stage, connection.strip_prefix('/').unwrap_or_default()))
}

pub(crate) struct ConnectionsEdge(pub Arc<Front>);

impl Edge for ConnectionsEdge {
    fn path(&self, request: &Request) -> Option<String> {
        let address =
            Address::of(request, &self.0.domains).filter(|address| Kind::of(&address.id) == Kind::Http)?;
        let (stage, connection) = parts(&address)?;
        let connection = connection.replace('/', "%2F");
        Some(format!("{OWN}{}%2F{stage}%2F{connection}", address.id))
    }

    fn refusal(&self, _head: &Head, error: AwsError) -> AwsError {
        error
    }

    fn finish(&self, _cx: Ctx, _head: Head, response: Response) -> Pending<Response> {
        Box::pin(std::future::ready(response))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    fn check(host: &str, path: &str, expected: Option<&str>) {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(host).expect("a header"));
        let path = path.to_owned();
        let request =
            Request { method: Method::POST, path, query: String::new(), headers, body: Bytes::new() };
        let found = ConnectionsEdge(Arc::default()).path(&request);
        assert_eq!(found.as_deref(), expected, "{host} {}", request.path);
    }

    #[test]
    fn addresses_stand_for_connections() {
        let host = "zab.execute-api.localhost:4566";
        check(host, "/dev/@connections/x%3D", Some("/@connections/zab%2Fdev%2Fx%3D"));
        check(host, "/dev/%40connections/x%3D", Some("/@connections/zab%2Fdev%2Fx%3D"));
        check(
            "zab.execute-api.us-east-1.amazonaws.com",
            "/d/@connections/a/b",
            Some("/@connections/zab%2Fd%2Fa%2Fb"),
        );
        check("localhost", "/_aws/execute-api/zab/dev/@connections/x", Some("/@connections/zab%2Fdev%2Fx"));
        check(host, "/@connections/x", None);
        check(host, "/dev/pets/@connections", None);
        check("localhost", "/dev/@connections/x", None);
        // A REST API's.
        check("abc.execute-api.localhost", "/dev/@connections/x", None);
        let (api_id, stage, connection_id) = ("zab", "dev", "a/b");
        assert_eq!(Named::parse("zab/dev/a/b"), Some(Named { api_id, stage, connection_id }));
        assert_eq!(Named::parse("x"), None);
    }
}
