//! Where APIs are: by host, `{id}.execute-api.…`, and by path for clients that do not resolve such names.

use std::net::IpAddr;

use aws_wire::Request;
use env::Env;

use crate::domain::Domains;

/// Where APIs are for clients that do not resolve names below `localhost`.
const PATH: &str = "/_aws/execute-api/";
/// A path of REST APIs that many tools write: `/restapis/{id}/{stage}/_user_request_/{path}`.
const OTHER_PATH: &str = "/restapis/";
const OTHER_MARK: &str = "_user_request_";
const LABEL: &str = "execute-api";
const ID_LENGTH: usize = 10;

/// Which of both services has an API. Its id tells, so that nobody has to ask a store whose a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its id begins with a letter of `a` to `m`.
    Rest,
    /// Its id begins with a letter of `n` to `z`.
    Http,
}

impl Kind {
    /// Whose an id would be; HTTP APIs answer for those that are nobody's, REST APIs where there is none.
    pub fn of(id: &str) -> Self {
        match id.bytes().next() {
            Some(b'a'..=b'm') | None => Self::Rest,
            _ => Self::Http,
        }
    }

    /// An id of a new API: ten letters and digits, as AWS has them.
    pub fn new_id(self, env: &Env) -> String {
        let first = match self {
            Self::Rest => b'a',
            Self::Http => b'n',
        };
        let mut id = id(env, ID_LENGTH);
        let spread = id.as_bytes()[0] % 13;
        id.replace_range(..1, &char::from(first + spread).to_string());
        id
    }
}

/// So many random letters and digits.
pub fn id(env: &Env, length: usize) -> String {
    const DIGITS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let mut random = vec![0; length];
    env.fill(&mut random);
    random.iter().map(|byte| char::from(DIGITS[usize::from(*byte) % DIGITS.len()])).collect()
}

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// In small letters: a host's name has no case. Nothing where a custom domain has no API for the path.
    pub id: String,
    /// Percent-encoded, with the first slash, and with the stage where it names one.
    pub path: String,
    /// The host that the API has, without a port.
    pub domain_name: String,
    /// How a request came that did not use the API's own host.
    pub mapped: Option<Mapped>,
}

/// What a custom domain says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// The stage, where the mapping names one; then no path does.
    pub stage: Option<String>,
    /// As the client wrote it, with the mapping's.
    pub path: String,
}

impl Address {
    pub fn of(request: &Request, domains: &Domains) -> Option<Self> {
        if let Some(rest) = request.path.strip_prefix(PATH) {
            let (id, path) = split(rest);
            return Some(Self::of_path(id, path.to_owned()));
        }
        if let Some(rest) = request.path.strip_prefix(OTHER_PATH) {
            let (id, path) = split(rest);
            let (stage, below) = split(path.strip_prefix('/').unwrap_or_default());
            let (mark, below) = split(below.strip_prefix('/').unwrap_or_default());
            if mark == OTHER_MARK {
                return Some(Self::of_path(id, format!("/{stage}{below}")));
            }
        }
        // Who is asked is the host that the client named: what a proxy says beside it anybody could say.
        let host = without_port(request.header("host")?);
        let (id, domain) = host.split_once('.')?;
        let label = domain.split('.').next().unwrap_or_default();
        if !label.eq_ignore_ascii_case(LABEL) || id.is_empty() {
            return Self::by_domain(host, &request.path, domains);
        }
        Some(Self {
            id: id.to_ascii_lowercase(),
            path: request.path.clone(),
            domain_name: host.to_ascii_lowercase(),
            mapped: None,
        })
    }

    fn by_domain(host: &str, path: &str, domains: &Domains) -> Option<Self> {
        let destination = domains.lead(host, path)?;
        let (id, rest, stage) = match destination {
            Some(destination) => (destination.api_id, destination.path, destination.stage),
            None => (String::new(), path.to_owned(), None),
        };
        let mapped = Some(Mapped { stage, path: path.to_owned() });
        Some(Self { id, path: rest, domain_name: host.to_ascii_lowercase(), mapped })
    }

    fn of_path(id: &str, path: String) -> Self {
        let id = id.to_ascii_lowercase();
        let path = if path.is_empty() { "/".to_owned() } else { path };
        Self { domain_name: format!("{id}.{LABEL}.localhost"), id, path, mapped: None }
    }
}

/// The first segment, and the rest with its slash.
pub fn split(path: &str) -> (&str, &str) {
    path.split_at(path.find('/').unwrap_or(path.len()))
}

/// The host of `host:port`.
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// The port that a client came to.
pub fn port(request: &Request) -> u16 {
    let authority = request.header("host").unwrap_or_default();
    authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80)
}

/// The URL of an API for a client that reached the platform by this authority. Where that is an address, names below
/// `localhost` lead to this machine.
pub fn endpoint(id: &str, authority: &str) -> String {
    let host = without_port(authority);
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || host.is_empty();
    let below = if is_address { "localhost" } else { host };
    format!("http://{id}.{LABEL}.{below}{}", &authority[host.len()..])
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    fn check(host: &str, path: &str, expected: Option<(&str, &str, &str)>) {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_str(host).expect("a header"));
        let request = Request {
            method: Method::GET,
            path: path.to_owned(),
            query: String::new(),
            headers,
            body: Bytes::new(),
        };
        let found = Address::of(&request, &Domains::default());
        let found = found.as_ref().map(|at| (at.id.as_str(), at.path.as_str(), at.domain_name.as_str()));
        assert_eq!(found, expected, "{host} {path}");
    }

    #[test]
    fn apis_are_found_by_host_and_by_path() {
        let local = "abc.execute-api.localhost";
        check("abc.execute-api.localhost:4566", "/dev/x", Some(("abc", "/dev/x", local)));
        let regional = "abc.execute-api.eu-west-1.localhost";
        check("ABC.execute-api.eu-west-1.localhost", "/", Some(("abc", "/", regional)));
        let aws = "abc.execute-api.eu-west-1.amazonaws.com";
        check(aws, "/p/a%20b", Some(("abc", "/p/a%20b", aws)));
        check("localhost:4566", "/_aws/execute-api/abc/dev/x//y", Some(("abc", "/dev/x//y", local)));
        check("localhost:4566", "/_aws/execute-api/abc", Some(("abc", "/", local)));
        check("localhost:4566", "/restapis/abc/dev/_user_request_/x", Some(("abc", "/dev/x", local)));
        check("localhost:4566", "/restapis/abc/dev/_user_request_", Some(("abc", "/dev", local)));
        check("localhost:4566", "/restapis/abc/stages/dev", None);
        check("localhost:4566", "/v2/apis", None);
        check("abc.lambda-url.localhost", "/", None);
        check("execute-api.localhost", "/", None);
    }

    #[test]
    fn endpoints_are_where_the_client_came_to() {
        let check = |authority: &str, expected: &str| assert_eq!(endpoint("abc", authority), expected);
        check("localhost:4566", "http://abc.execute-api.localhost:4566");
        check("127.0.0.1:9", "http://abc.execute-api.localhost:9");
        check("[::1]:9", "http://abc.execute-api.localhost:9");
        check("box.lan", "http://abc.execute-api.box.lan");
    }

    #[test]
    fn an_id_tells_whose_it_is() {
        let env = Env::system();
        for _ in 0..100 {
            for kind in [Kind::Rest, Kind::Http] {
                let id = kind.new_id(&env);
                assert_eq!((Kind::of(&id), id.len()), (kind, ID_LENGTH), "{id}");
            }
        }
    }
}
