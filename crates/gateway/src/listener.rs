//! Accepts connections and speaks HTTP/1.1 on them.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use aws_wire::{Body, Response};
use bytes::Bytes;
use futures_util::{FutureExt as _, Stream, TryStreamExt as _};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use service::{Duplex, Upgrade};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::body::BODY_BYTES_MAX;
use crate::download::{self, Content};
use crate::streamed::Ahead;
use crate::{Gateway, OwnSite, body};

/// Where a load balancer or a script asks whether the platform is up.
const HEALTH_PATH: &str = "/_lambent/health";

/// How long a client may take to agree on keys.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

pub(crate) type Frames = Pin<Box<dyn Stream<Item = io::Result<Frame<Bytes>>> + Send>>;

/// How a port is served.
#[derive(Clone, Default)]
struct Door {
    /// Whose it is alone; without one, everybody's.
    site: Option<OwnSite>,
    tls: Option<TlsAcceptor>,
}

/// The connections of a port that is closed; each ends with the request under way.
pub struct Connections(TaskTracker);

impl Connections {
    /// Waits for the requests under way, no longer than `patience`.
    pub async fn finish(self, patience: impl Future<Output = ()>) {
        let Self(connections) = self;
        tokio::select! {
            biased;
            () = connections.wait() => {}
            () = patience => tracing::debug!(left = connections.len(), "requests took too long to finish"),
        }
    }
}

impl Gateway {
    /// Serves connections of `listener` until `stop` resolves, then finishes the requests under way, but waits no
    /// longer for them than `patience`.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
        patience: impl Future<Output = ()>,
    ) {
        self.accept_all(listener, Door::default(), stop).await.finish(patience).await;
    }

    /// Serves connections of a port that is `site`'s alone, until `stop` resolves; the port is free then, and the
    /// requests under way can be waited for.
    pub async fn serve_site(
        &self,
        listener: TcpListener,
        site: OwnSite,
        stop: impl Future<Output = ()>,
    ) -> Connections {
        self.accept_all(listener, Door { site: Some(site), tls: None }, stop).await
    }

    /// As [`Gateway::serve`], for connections with TLS.
    pub async fn serve_tls(
        &self,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        stop: impl Future<Output = ()>,
        patience: impl Future<Output = ()>,
    ) {
        let door = Door { site: None, tls: Some(TlsAcceptor::from(tls)) };
        self.accept_all(listener, door, stop).await.finish(patience).await;
    }

    async fn accept_all(
        &self,
        listener: TcpListener,
        door: Door,
        stop: impl Future<Output = ()>,
    ) -> Connections {
        let connections = TaskTracker::new();
        let drain = CancellationToken::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let visitor =
                        Visitor { peer: peer.ip(), drain: drain.clone(), connections: connections.clone() };
                    connections.spawn(self.clone().accept(stream, door.clone(), visitor));
                }
                // Out of descriptors, or a connection gone before it was accepted: the next may do.
                Err(error) => tracing::warn!(%error, "accept a connection"),
            }
        }
        drain.cancel();
        connections.close();
        Connections(connections)
    }

    async fn accept(self, stream: TcpStream, door: Door, visitor: Visitor) {
        // An answer, or a piece of one, is written at once; waiting for more to send would only delay it.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let Door { site, tls } = door;
        let Some(tls) = tls else { return self.serve_connection(stream, site, visitor).await };
        let shaken = tokio::select! {
            shaken = tls.accept(stream) => shaken,
            () = visitor.drain.cancelled() => return,
            () = self.0.platform.env().sleep(HANDSHAKE_MAX) => return,
        };
        match shaken {
            Ok(stream) => self.serve_connection(stream, site, visitor).await,
            Err(error) => tracing::debug!(%error, "agree on keys"),
        }
    }

    async fn serve_connection(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        site: Option<OwnSite>,
        visitor: Visitor,
    ) {
        let service = service_fn(|request| self.respond(request, site.clone(), &visitor));
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection.with_upgrades());
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = visitor.drain.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }

    /// `own` is the site whose the port is.
    async fn respond(
        &self,
        mut request: http::Request<Incoming>,
        own: Option<OwnSite>,
        visitor: &Visitor,
    ) -> Result<Outgoing, Infallible> {
        let upgrade = visitor.upgrade(&mut request);
        let (parts, incoming) = request.into_parts();
        if own.is_none() && parts.uri.path() == HEALTH_PATH {
            return Ok(http::Response::new(Either::Left(Either::Left(Full::from("{\"status\":\"ready\"}")))));
        }
        let mut request = aws_wire::Request {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: Bytes::new(),
        };
        if own.is_none()
            && let Some(digest) = download::wanted(&request.path)
        {
            return Ok(self.download(request, digest).await);
        }
        let site = own.or_else(|| self.0.platform.site(&request));
        let ahead = if site.is_none() { self.ahead(&request) } else { Ahead::Open };
        let way = match ahead {
            Ahead::Streams(way) => {
                let size_bytes = incoming.size_hint().exact();
                let (pieces, progress) = body::pieces(incoming);
                let mut answer = into_http(self.answer_streamed(request, way, pieces, size_bytes).await);
                progress.tell(&mut answer);
                return Ok(answer);
            }
            Ahead::Known(way) => Some(way),
            Ahead::Open => None,
        };
        let bytes_max = site.as_ref().map_or(BODY_BYTES_MAX, |(_, site)| site.body_bytes_max());
        match body::read(incoming, bytes_max, body::waits(&request.headers)).await {
            Ok(body) => request.body = body,
            Err(body::Error::TooLarge) => {
                let mut answer = into_http(self.refuse_size(site.as_ref(), &request));
                body::close(&mut answer);
                return Ok(answer);
            }
            Err(body::Error::Broken(error)) => {
                tracing::debug!(%error, "read a body");
                return Ok(http::Response::builder()
                    .status(400)
                    .body(Either::Left(Either::Left(Full::default())))
                    .expect("a status is valid"));
            }
        }
        Ok(into_http(self.answer_to((visitor.peer, upgrade), site, request, way).await))
    }
}

/// What is known of a connection beside its bytes.
struct Visitor {
    peer: IpAddr,
    /// Cancelled when the port is about to close.
    drain: CancellationToken,
    /// For whom the platform then waits.
    connections: TaskTracker,
}

impl Visitor {
    /// The way to another protocol, where the client asks for one.
    fn upgrade(&self, request: &mut http::Request<Incoming>) -> Option<Upgrade> {
        request.headers().get("upgrade")?;
        let stream = hyper::upgrade::on(request).map(|upgraded| match upgraded {
            Ok(stream) => Ok(Box::new(TokioIo::new(stream)) as Box<dyn Duplex>),
            Err(error) => Err(io::Error::other(error)),
        });
        Some(Upgrade {
            stream: Box::pin(stream),
            stopping: Box::pin(self.drain.clone().cancelled_owned()),
            held: Box::new(self.connections.token()),
        })
    }
}

/// An answer in one piece or in many, or a package.
pub(crate) type Outgoing = http::Response<Either<Either<Full<Bytes>, StreamBody<Frames>>, Content>>;

pub(crate) fn into_http(response: Response) -> Outgoing {
    let mut http = http::Response::new(Either::Left(match response.body {
        Body::Whole(bytes) => Either::Left(Full::from(bytes)),
        Body::Pieces(pieces) => {
            Either::Right(StreamBody::new(Box::pin(pieces.map_ok(Frame::data)) as Frames))
        }
    }));
    *http.status_mut() =
        http::StatusCode::from_u16(response.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    *http.headers_mut() = response.headers;
    http
}
