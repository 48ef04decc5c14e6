//! What a URL tells browsers of who may call it: the headers of CORS, from its configuration alone.

use api_lambda as api;
use aws_wire::Request;
use aws_wire::rest::insert_header;
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

/// As it is stored; absent where the caller set nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Cors {
    allow_credentials: Option<bool>,
    allow_headers: Option<Vec<String>>,
    allow_methods: Option<Vec<String>>,
    allow_origins: Option<Vec<String>>,
    expose_headers: Option<Vec<String>>,
    /// Seconds.
    max_age: Option<i32>,
}

impl Cors {
    /// What was set; none of it is as if it was not given.
    pub(crate) fn check(cors: Option<api::Cors>) -> Option<Self> {
        let cors = cors?;
        let cors = Self {
            allow_credentials: cors.allow_credentials,
            allow_headers: cors.allow_headers,
            allow_methods: cors.allow_methods,
            allow_origins: cors.allow_origins,
            expose_headers: cors.expose_headers,
            max_age: cors.max_age,
        };
        (cors != Self::default()).then_some(cors)
    }

    pub(crate) fn shown(&self) -> api::Cors {
        api::Cors {
            allow_credentials: self.allow_credentials,
            allow_headers: self.allow_headers.clone(),
            allow_methods: self.allow_methods.clone(),
            allow_origins: self.allow_origins.clone(),
            expose_headers: self.expose_headers.clone(),
            max_age: self.max_age,
        }
    }

    /// Adds to an answer what lets the page that asked read it.
    pub(super) fn allow(&self, origin: Option<&str>, headers: &mut HeaderMap) {
        let Some(allowed) = origin.and_then(|origin| self.allowed_origin(origin)) else { return };
        insert_header(headers, "access-control-allow-origin", allowed);
        if allowed != "*" {
            insert_header(headers, "vary", "Origin");
        }
        if self.with_credentials() {
            insert_header(headers, "access-control-allow-credentials", "true");
        }
        if let Some(exposed) = self.expose_headers.as_ref().filter(|exposed| !exposed.is_empty()) {
            insert_header(headers, "access-control-expose-headers", &exposed.join(","));
        }
    }

    /// The headers of the answer to a preflight.
    pub(super) fn preflight(&self, request: &Request, headers: &mut HeaderMap) {
        self.allow(request.header("origin"), headers);
        if headers.is_empty() {
            return;
        }
        let lists = [
            ("access-control-allow-methods", &self.allow_methods, "access-control-request-method"),
            ("access-control-allow-headers", &self.allow_headers, "access-control-request-headers"),
        ];
        for (name, list, asked) in lists {
            let Some(list) = list.as_ref().filter(|list| !list.is_empty()) else { continue };
            let list = list.join(",");
            // To a browser that sends credentials a star is no wildcard: it gets what it asks for.
            let asked = request.header(asked).filter(|_| list == "*" && self.with_credentials());
            insert_header(headers, name, asked.unwrap_or(&list));
        }
        if let Some(seconds) = self.max_age {
            insert_header(headers, "access-control-max-age", &seconds.to_string());
        }
    }

    fn with_credentials(&self) -> bool {
        self.allow_credentials == Some(true)
    }

    /// How the answer names `origin`, if it may call.
    fn allowed_origin<'a>(&self, origin: &'a str) -> Option<&'a str> {
        let mut origins = self.allow_origins.iter().flatten();
        let listed = origins.clone().any(|allowed| allowed.eq_ignore_ascii_case(origin));
        let anybody = origins.any(|allowed| allowed == "*");
        match (listed, anybody) {
            (true, _) => Some(origin),
            (false, true) => Some(if self.with_credentials() { origin } else { "*" }),
            (false, false) => None,
        }
    }
}

/// Whether a browser asks if it may send what it is about to.
pub(super) fn is_preflight(request: &Request) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key("origin")
        && request.headers.contains_key("access-control-request-method")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], credentials: bool) -> Cors {
        Cors {
            allow_origins: Some(origins.iter().map(|&origin| origin.to_owned()).collect()),
            allow_credentials: Some(credentials),
            ..Cors::default()
        }
    }

    #[test]
    fn origins_are_named_or_not() {
        let check = |cors: &Cors, origin: &str, expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            cors.allow(Some(origin), &mut headers);
            let found = headers.get("access-control-allow-origin").and_then(|value| value.to_str().ok());
            assert_eq!(found, expected, "{origin}");
        };
        check(&cors(&["*"], false), "http://a", Some("*"));
        check(&cors(&["*"], true), "http://a", Some("http://a"));
        check(&cors(&["http://a", "http://b"], false), "http://b", Some("http://b"));
        check(&cors(&["http://a"], false), "http://c", None);
        check(&Cors::default(), "http://a", None);
    }

    #[test]
    fn nothing_set_is_nothing_given() {
        assert_eq!(Cors::check(Some(api::Cors::default())), None);
        assert_eq!(Cors::check(None), None);
    }
}
