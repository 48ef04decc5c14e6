//! A client of HTTP/1.1, plain or with TLS, for what users name: servers behind APIs, API destinations, subscribers, keys
//! of those who issue tokens.
//!
//! Where a request goes is the user's choice, as on AWS, and nothing here second-guesses it: any address that this machine
//! can reach. Redirects are not followed.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use env::Env;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the URL leads nowhere: {0}")]
    Invalid(String),
    #[error("the server can't be reached: {0}")]
    Unreachable(String),
    #[error("the server took too long")]
    TimedOut,
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// Sends requests, each on a connection of its own.
#[derive(Default)]
pub struct Client {
    /// Made when it is first wanted: reading the machine's certificates takes a while.
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Client {
    /// The answer, whole. The request's URI is absolute; its other headers go as they are.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn send(
        &self,
        env: &Env,
        request: Request<Bytes>,
        timeout: Duration,
        bytes_max: usize,
    ) -> Result<Response<Bytes>, Error> {
        let answer = async {
            let (parts, body) = self.exchange(request, None).await?.into_parts();
            let body = Limited::new(body, bytes_max).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() { Error::TooLarge(bytes_max) } else { unreachable(error) }
            })?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        tokio::select! {
            answer = answer => answer,
            () = env.sleep(timeout) => Err(Error::TimedOut),
        }
    }

    /// As [`Client::send`], for those who want nothing of the answer but its head.
    ///
    /// # Errors
    /// When there is none in time.
    pub async fn head_of(
        &self,
        env: &Env,
        request: Request<Bytes>,
        timeout: Duration,
    ) -> Result<Response<()>, Error> {
        tokio::select! {
            answer = self.exchange(request, None) => answer.map(|answer| answer.map(drop)),
            () = env.sleep(timeout) => Err(Error::TimedOut),
        }
    }

    /// As [`Client::send`], with a body that comes piece by piece; the wait is for the head alone. A request that names
    /// a host in its headers asks for that one.
    ///
    /// # Errors
    /// When there is no answer in time.
    pub async fn open(
        &self,
        env: &Env,
        mut request: Request<Bytes>,
        timeout: Duration,
    ) -> Result<Response<Incoming>, Error> {
        let host = request.headers_mut().remove("host");
        tokio::select! {
            answer = self.exchange(request, host) => answer,
            () = env.sleep(timeout) => Err(Error::TimedOut),
        }
    }

    /// `named` is the host that the server is asked for, where it is not the URL's.
    async fn exchange(
        &self,
        mut request: Request<Bytes>,
        named: Option<HeaderValue>,
    ) -> Result<Response<Incoming>, Error> {
        let uri = request.uri().clone();
        let invalid = || Error::Invalid(uri.to_string());
        let host = uri.host().ok_or_else(invalid)?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(invalid()),
        };
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let authority = uri.authority().ok_or_else(invalid)?.as_str();
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        let own = HeaderValue::from_str(authority).map_err(|_| invalid())?;
        request.headers_mut().insert("host", named.unwrap_or(own));
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>().map_err(|_| invalid())?;

        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(unreachable)?;
        // One write for each message: nothing is gained by waiting for more.
        let _ = stream.set_nodelay(true);
        if !is_tls {
            return converse(stream, request).await;
        }
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| invalid())?;
        let connector = TlsConnector::from(Arc::clone(self.tls.get_or_init(trusting_machine)));
        converse(connector.connect(name, stream).await.map_err(unreachable)?, request).await
    }
}

fn unreachable(error: impl std::fmt::Display) -> Error {
    Error::Unreachable(error.to_string())
}

/// Trusts whom the machine trusts.
fn trusting_machine() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "read the machine's certificates");
    }
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the versions' ciphers")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Bytes>,
) -> Result<Response<Incoming>, Error> {
    let (mut connection, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    // It ends with the sender and the body.
    tokio::spawn(driver);
    connection.send_request(request.map(Full::new)).await.map_err(unreachable)
}
