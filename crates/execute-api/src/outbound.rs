//! HTTP servers behind an API, and keys of those who issue tokens: a client of HTTP/1.1, plain or with TLS.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use env::Env;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
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
        tokio::select! {
            answer = self.exchange(request, bytes_max) => answer,
            () = env.sleep(timeout) => Err(Error::TimedOut),
        }
    }

    async fn exchange(
        &self,
        mut request: Request<Bytes>,
        bytes_max: usize,
    ) -> Result<Response<Bytes>, Error> {
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
        let value = http::HeaderValue::from_str(authority).map_err(|_| invalid())?;
        request.headers_mut().insert("host", value);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse::<Uri>().map_err(|_| invalid())?;

        let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.map_err(unreachable)?;
        if !is_tls {
            return converse(stream, request, bytes_max).await;
        }
        let name = ServerName::try_from(host.to_owned()).map_err(|_| invalid())?;
        let connector = TlsConnector::from(Arc::clone(self.tls.get_or_init(trusting_machine)));
        converse(connector.connect(name, stream).await.map_err(unreachable)?, request, bytes_max).await
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
    bytes_max: usize,
) -> Result<Response<Bytes>, Error> {
    let (mut connection, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
    let driver = tokio::spawn(driver);
    let request = request.map(Full::new);
    let response = connection.send_request(request).await.map_err(unreachable)?;
    let (parts, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(unreachable)?;
        if let Some(data) = frame.data_ref() {
            if body.len() + data.len() > bytes_max {
                driver.abort();
                return Err(Error::TooLarge(bytes_max));
            }
            body.extend_from_slice(data);
        }
    }
    driver.abort();
    Ok(Response::from_parts(parts, body.freeze()))
}
