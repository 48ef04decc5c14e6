//! Addresses of HTTP endpoints, and one POST to one of them.
//!
//! Where a delivery goes is the subscriber's choice, as on AWS, and nothing here second-guesses it: who may subscribe
//! may have this machine send a message to any address that it can reach. Redirects are not followed, and of an answer
//! only the status is looked at, so nobody learns anything but whether there was one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use env::Env;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;

/// AWS's patience with an endpoint.
const TIMEOUT: Duration = Duration::from_secs(15);
const AGENT: &str = "Amazon Simple Notification Service Agent";

/// An address such as `https://user:password@example.com:8443/path?query`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    secure: bool,
    host: String,
    port: u16,
    /// As the `Host` header has it.
    authority: String,
    path: String,
    /// `user:password`, for an endpoint that asks for it.
    credentials: Option<String>,
}

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
        let secure = protocol == "https";
        let (credentials, shown) = match authority.as_str().rsplit_once('@') {
            Some((credentials, shown)) => (Some(credentials.to_owned()), shown),
            None => (None, authority.as_str()),
        };
        Some(Self {
            secure,
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            authority: shown.to_owned(),
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            credentials,
        })
    }

    /// Sends one message. An endpoint that asks for a name and password, and has them in its address, is given them.
    ///
    /// # Errors
    /// When it did not take it.
    pub(crate) async fn post(
        &self,
        env: &Env,
        tls: &Tls,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(), Refused> {
        let exchange = async {
            match self.exchange(tls, headers.clone(), body.clone()).await? {
                (StatusCode::UNAUTHORIZED, true) if self.credentials.is_some() => {
                    let mut headers = headers.clone();
                    headers.extend(self.authorization());
                    self.exchange(tls, headers, body).await.map(|(status, _)| status)
                }
                (status, _) => Ok(status),
            }
        };
        let status = tokio::select! {
            status = exchange => status?,
            () = env.sleep(TIMEOUT) => return Err(Refused::unreachable("no answer within 15 seconds")),
        };
        if status.is_success() {
            return Ok(());
        }
        Err(Refused { status: Some(status.as_u16()), reason: format!("the endpoint answered {status}") })
    }

    fn authorization(&self) -> Option<(header::HeaderName, HeaderValue)> {
        let credentials = percent_decoded(self.credentials.as_ref()?);
        let value = HeaderValue::try_from(format!("Basic {}", BASE64.encode(credentials))).ok()?;
        Some((header::AUTHORIZATION, value))
    }

    /// The status, and whether the endpoint asks for a name and password.
    async fn exchange(
        &self,
        tls: &Tls,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, bool), Refused> {
        let stream =
            TcpStream::connect((self.host.as_str(), self.port)).await.map_err(Refused::unreachable)?;
        // One write for each message: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        let mut request = Request::post(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::USER_AGENT, AGENT)
            .header(header::ACCEPT_ENCODING, "gzip,deflate")
            .body(Full::new(body))
            .map_err(Refused::unreachable)?;
        request.headers_mut().extend(headers);
        if !self.secure {
            return ask(stream, request).await;
        }
        let name = ServerName::try_from(self.host.clone()).map_err(Refused::unreachable)?;
        let connector = TlsConnector::from(tls.config().await.map_err(Refused::unreachable)?);
        let stream = connector.connect(name, stream).await.map_err(Refused::unreachable)?;
        ask(stream, request).await
    }
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, bool), Refused> {
    let opened = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = opened.map_err(Refused::unreachable)?;
    let (mut answer, mut connection) = (pin!(sender.send_request(request)), pin!(connection));
    let answer = tokio::select! {
        biased;
        answer = &mut answer => answer,
        // An endpoint that closes at once has answered all the same; else the answer is an error now.
        _ = &mut connection => answer.await,
    };
    let answer = answer.map_err(Refused::unreachable)?;
    let asks =
        answer.headers().get_all(header::WWW_AUTHENTICATE).iter().any(|value| {
            value.as_bytes().get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
        });
    Ok((answer.status(), asks))
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

/// Whom HTTPS endpoints have to be trusted by: the authorities that this machine trusts, read when first needed.
#[derive(Default)]
pub(crate) struct Tls(OnceCell<Arc<ClientConfig>>);

impl Tls {
    async fn config(&self) -> Result<Arc<ClientConfig>, String> {
        self.0.get_or_try_init(|| async { read_roots().await }).await.cloned()
    }
}

async fn read_roots() -> Result<Arc<ClientConfig>, String> {
    let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let found = found.map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let why = found.errors.first().map(ToString::to_string).unwrap_or_default();
        return Err(format!("this machine trusts no certificate authority {why}"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_parts() {
        let parse = |protocol: &str, text: &str| {
            let endpoint = Endpoint::parse(protocol, text)?;
            Some((endpoint.host, endpoint.port, endpoint.authority, endpoint.path, endpoint.credentials))
        };
        let parts = |host: &str, port, authority: &str, path: &str| {
            Some((host.to_owned(), port, authority.to_owned(), path.to_owned(), None))
        };
        assert_eq!(parse("http", "http://a.example"), parts("a.example", 80, "a.example", "/"));
        assert_eq!(parse("https", "https://a:1/b?c=d"), parts("a", 1, "a:1", "/b?c=d"));
        assert_eq!(parse("http", "http://[::1]:9/"), parts("::1", 9, "[::1]:9", "/"));
        let named = parse("https", "https://u:p%40@h/x").expect("an address");
        assert_eq!((named.2.as_str(), named.4.as_deref()), ("h", Some("u:p%40")));
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
