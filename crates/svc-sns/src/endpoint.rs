//! Addresses of HTTP endpoints, and one POST to one of them. Of an answer only the status is looked at, so nobody learns
//! anything but whether there was one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use env::Env;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_client::Client;

/// AWS's patience with an endpoint.
const TIMEOUT: Duration = Duration::from_secs(15);
const AGENT: &str = "Amazon Simple Notification Service Agent";

/// An address such as `https://user:password@example.com:8443/path?query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(Uri);

/// Why an endpoint did not take a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Its status, if it answered.
    pub status: Option<u16>,
    pub reason: String,
}

impl Refused {
    fn unreachable(reason: impl std::fmt::Display) -> Self {
        Self { status: None, reason: reason.to_string() }
    }

    /// What the endpoint itself is at fault for is tried again; what the request is, is not: it would stay so.
    pub(crate) fn is_worth_another_try(&self) -> bool {
        self.status.is_none_or(|status| matches!(status, 100 | 101 | 429 | 500..=599))
    }

    /// For a dead letter's attributes.
    pub(crate) fn code(&self) -> String {
        self.status.map_or_else(|| "ConnectionError".to_owned(), |status| status.to_string())
    }
}

impl Endpoint {
    /// `None` for what is no address of this protocol, `http` or `https`.
    pub(crate) fn parse(protocol: &str, text: &str) -> Option<Self> {
        let uri = text.parse::<Uri>().ok()?;
        let authority = uri.authority()?;
        if uri.scheme_str() != Some(protocol) || authority.host().is_empty() {
            return None;
        }
        Some(Self(uri))
    }

    /// `user:password`, for an endpoint that asks for it.
    fn credentials(&self) -> Option<&str> {
        self.0.authority()?.as_str().rsplit_once('@').map(|(credentials, _)| credentials)
    }

    /// Sends one message. An endpoint that asks for a name and password, and has them in its address, is given them.
    ///
    /// # Errors
    /// When it did not take it.
    pub(crate) async fn post(
        &self,
        env: &Env,
        client: &Client,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(), Refused> {
        let status = match self.exchange(env, client, headers.clone(), body.clone()).await? {
            (StatusCode::UNAUTHORIZED, true) if self.credentials().is_some() => {
                let mut headers = headers.clone();
                headers.extend(self.authorization());
                self.exchange(env, client, headers, body).await?.0
            }
            (status, _) => status,
        };
        if status.is_success() {
            return Ok(());
        }
        Err(Refused { status: Some(status.as_u16()), reason: format!("the endpoint answered {status}") })
    }

    fn authorization(&self) -> Option<(header::HeaderName, HeaderValue)> {
        let credentials = percent_decoded(self.credentials()?);
        let value = HeaderValue::try_from(format!("Basic {}", BASE64.encode(credentials))).ok()?;
        Some((header::AUTHORIZATION, value))
    }

    /// The status, and whether the endpoint asks for a name and password.
    async fn exchange(
        &self,
        env: &Env,
        client: &Client,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, bool), Refused> {
        let mut request = Request::post(&self.0)
            .header(header::USER_AGENT, AGENT)
            .header(header::ACCEPT_ENCODING, "gzip,deflate")
            .body(body)
            .map_err(Refused::unreachable)?;
        request.headers_mut().extend(headers);
        let answer = client.head_of(env, request, TIMEOUT).await.map_err(Refused::unreachable)?;
        let asks = answer.headers().get_all(header::WWW_AUTHENTICATE).iter().any(|value| {
            value.as_bytes().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
        });
        Ok((answer.status(), asks))
    }
}

/// An address without the password in it, as lists show it.
pub(crate) fn shown(endpoint: &str) -> String {
    let masked = (|| {
        let (scheme, rest) = endpoint.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (credentials, host) = authority.rsplit_once('@')?;
        let (user, _) = credentials.split_once(':')?;
        Some(format!("{scheme}://{user}:****@{host}{path}"))
    })();
    masked.unwrap_or_else(|| endpoint.to_owned())
}

fn percent_decoded(text: &str) -> Vec<u8> {
    percent_encoding::percent_decode_str(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_their_protocol() {
        let parse = Endpoint::parse;
        for (protocol, text) in
            [("http", "http://a.example"), ("https", "https://a:1/b?c=d"), ("http", "http://[::1]:9/")]
        {
            assert!(parse(protocol, text).is_some(), "{text}");
        }
        let named = parse("https", "https://u:p%40@h/x").expect("an address");
        assert_eq!(named.credentials(), Some("u:p%40"));
        for (protocol, text) in
            [("http", "https://a"), ("https", "http://a"), ("http", "a"), ("http", "http://")]
        {
            assert_eq!(parse(protocol, text), None, "{text}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("https://u:p@h/a@b"), "https://u:****@h/a@b");
        assert_eq!(shown("http://h/a:b@c"), "http://h/a:b@c");
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let again = |status| Refused { status, reason: String::new() }.is_worth_another_try();
        assert!([None, Some(429), Some(500), Some(503)].into_iter().all(again));
        assert!(![Some(301), Some(400), Some(404)].into_iter().any(again));
    }
}
