//! What an API tells browsers of who may call it, from its configuration alone.

use api_apigatewayv2 as model;
use aws_wire::rest::insert_header;
use aws_wire::{Request, Result};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

use crate::refusal::bad_request;

/// As it is stored.
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
    /// # Errors
    /// 400 for what contradicts itself.
    pub(crate) fn check(cors: model::Cors) -> Result<Self> {
        let cors = Self {
            allow_credentials: cors.allow_credentials,
            allow_headers: cors.allow_headers,
            allow_methods: cors.allow_methods,
            allow_origins: cors.allow_origins,
            expose_headers: cors.expose_headers,
            max_age: cors.max_age,
        };
        let has_star = |list: &Option<Vec<String>>| list.iter().flatten().any(|one| one == "*");
        if cors.with_credentials() && has_star(&cors.allow_origins) {
            // Browsers would not let a page have such an answer.
            return Err(bad_request(
                "allow-origin value '*' is not allowed when allow-credentials is set to true",
            ));
        }
        for origin in cors.allow_origins.iter().flatten().filter(|origin| *origin != "*") {
            let (scheme, host) = origin.split_once("://").unwrap_or(("", ""));
            if scheme.is_empty() || host.is_empty() || host.contains('/') {
                return Err(bad_request(format!("Invalid format for origin '{origin}'")));
            }
        }
        Ok(cors)
    }

    pub(crate) fn shown(&self) -> model::Cors {
        model::Cors {
            allow_credentials: self.allow_credentials,
            allow_headers: self.allow_headers.clone(),
            allow_methods: self.allow_methods.clone(),
            allow_origins: self.allow_origins.clone(),
            expose_headers: self.expose_headers.clone(),
            max_age: self.max_age,
        }
    }

    /// Adds to an answer what lets the page that asked read it; what the integration says of that does not count.
    pub(crate) fn allow(&self, origin: Option<&str>, headers: &mut HeaderMap) {
        for name in FROM_CONFIGURATION {
            headers.remove(name);
        }
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
    pub(crate) fn preflight(&self, request: &Request, headers: &mut HeaderMap) {
        self.allow(request.header("origin"), headers);
        if headers.is_empty() {
            return;
        }
        let lists = [
            ("access-control-allow-methods", &self.allow_methods),
            ("access-control-allow-headers", &self.allow_headers),
        ];
        for (name, list) in lists {
            if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
                insert_header(headers, name, &list.join(","));
            }
        }
        if let Some(seconds) = self.max_age {
            insert_header(headers, "access-control-max-age", &seconds.to_string());
        }
    }

    fn with_credentials(&self) -> bool {
        self.allow_credentials == Some(true)
    }

    /// How the answer names `origin`, if it may call. `https://*` stands for all of that scheme.
    fn allowed_origin<'a>(&self, origin: &'a str) -> Option<&'a str> {
        let origins = || self.allow_origins.iter().flatten();
        if origins().any(|allowed| allowed == "*") {
            return Some("*");
        }
        let fits = |allowed: &String| match allowed.strip_suffix('*') {
            Some(scheme) => origin.starts_with(scheme),
            None => allowed.eq_ignore_ascii_case(origin),
        };
        origins().any(fits).then_some(origin)
    }
}

const FROM_CONFIGURATION: [&str; 6] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-expose-headers",
    "access-control-max-age",
];

/// Whether a browser asks if it may send what it is about to.
pub(crate) fn is_preflight(request: &Request) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key("origin")
        && request.headers.contains_key("access-control-request-method")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_named_or_not() {
        let check = |origins: &[&str], origin: &str, expected: Option<&str>| {
            let origins = origins.iter().map(|&origin| origin.to_owned()).collect();
            let cors = Cors { allow_origins: Some(origins), ..Cors::default() };
            let mut headers = HeaderMap::new();
            cors.allow(Some(origin), &mut headers);
            let found = headers.get("access-control-allow-origin").and_then(|value| value.to_str().ok());
            assert_eq!(found, expected, "{origin}");
        };
        check(&["*"], "http://a", Some("*"));
        check(&["http://a", "http://b"], "http://b", Some("http://b"));
        check(&["https://*"], "https://b", Some("https://b"));
        check(&["https://*"], "http://b", None);
        check(&["http://a"], "http://c", None);
        check(&[], "http://a", None);
    }
}
