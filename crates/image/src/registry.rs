//! A client of registries: OCI's distribution protocol by plain HTTP, as far as fetching goes.

use std::time::Duration;

use blob::{Blob, Blobs, Digest};
use bytes::Bytes;
use env::Env;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::folder::DOCUMENT_BYTES_MAX;
use crate::name::ImageName;
use crate::pull::PullError;

/// A registry that says nothing for so long is taken for dead.
const PATIENCE: Duration = Duration::from_secs(30);
/// What may be buffered between the network and the store.
const PIPE_BYTES: usize = 256 * 1024;
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                        application/vnd.docker.distribution.manifest.list.v2+json, \
                        application/vnd.docker.distribution.manifest.v2+json";

pub(crate) struct Registry {
    host: String,
    repository: String,
    connection: SendRequest<Empty<Bytes>>,
    env: Env,
}

impl Registry {
    pub(crate) async fn open(name: &ImageName, env: &Env) -> Result<Self, PullError> {
        let has_port = name.host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let address = if has_port { name.host.clone() } else { format!("{}:80", name.host) };
        let failed = |error: &dyn std::fmt::Display| PullError::Registry(format!("{address}: {error}"));
        let stream = TcpStream::connect(&address).await.map_err(|error| failed(&error))?;
        let opened = http1::handshake(TokioIo::new(stream)).await;
        let (connection, driver) = opened.map_err(|error| failed(&error))?;
        tokio::spawn(driver);
        Ok(Self {
            host: name.host.clone(),
            repository: name.repository.clone(),
            connection,
            env: env.clone(),
        })
    }

    async fn get(&mut self, what: &str, accept: &str) -> Result<Incoming, PullError> {
        let failed = |error: &dyn std::fmt::Display| PullError::Registry(error.to_string());
        let path = format!("/v2/{}/{what}", self.repository);
        let request = Request::get(&path).header("host", &self.host).header("accept", accept);
        let request = request.body(Empty::new()).map_err(|error| failed(&error))?;
        self.connection.ready().await.map_err(|error| failed(&error))?;
        let response = tokio::select! {
            response = self.connection.send_request(request) => response.map_err(|error| failed(&error))?,
            () = self.env.sleep(PATIENCE) => return Err(failed(&"no answer")),
        };
        match response.status() {
            StatusCode::OK => Ok(response.into_body()),
            StatusCode::NOT_FOUND => Err(PullError::NotFound),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(PullError::Denied),
            other => Err(failed(&format!("{path} is answered with {other}"))),
        }
    }

    /// The next piece of a body; `None` at its end.
    async fn piece(&self, body: &mut Incoming) -> Result<Option<Bytes>, PullError> {
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = self.env.sleep(PATIENCE) => return Err(PullError::Registry("it fell silent".to_owned())),
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| PullError::Registry(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    async fn document(&mut self, what: &str) -> Result<Vec<u8>, PullError> {
        let mut body = self.get(what, ACCEPTED).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece(&mut body).await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
                return Err(PullError::Invalid("a document of it is too large".to_owned()));
            }
        }
        Ok(bytes)
    }

    /// A manifest, or a list of them, by tag or digest.
    pub(crate) async fn manifest(&mut self, reference: &str) -> Result<Vec<u8>, PullError> {
        self.document(&format!("manifests/{reference}")).await
    }

    pub(crate) async fn small_blob(&mut self, digest: Digest) -> Result<Vec<u8>, PullError> {
        self.document(&format!("blobs/sha256:{digest}")).await
    }

    /// Stores a blob as it comes.
    pub(crate) async fn put_blob(
        &mut self,
        digest: Digest,
        blobs: &dyn Blobs,
        bytes_max: u64,
    ) -> Result<Blob, PullError> {
        let mut body = self.get(&format!("blobs/sha256:{digest}"), "*/*").await?;
        let (mut receiver, sender) = tokio::io::simplex(PIPE_BYTES);
        let fetch = async {
            // Moved in, so that the store sees an end also of a body that breaks off; the digest tells them apart.
            let mut sender = sender;
            while let Some(piece) = self.piece(&mut body).await? {
                if sender.write_all(&piece).await.is_err() {
                    // The store has stopped reading, and says why.
                    break;
                }
            }
            sender.shutdown().await.map_err(PullError::Io)
        };
        let store = async {
            let stored = blobs.put(&mut receiver, bytes_max).await;
            drop(receiver);
            stored
        };
        let (fetched, stored) = tokio::join!(fetch, store);
        let stored = stored?;
        fetched?;
        Ok(stored)
    }
}
