//! Requests whose body is taken as it comes, and what an API does in a way of its own to its answers.

use std::io;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use aws_auth::{DEFAULT_ACCOUNT, DEFAULT_REGION};
use aws_wire::schema::{Protocol, Service};
use aws_wire::{AwsError, Pieces, Request, Response, protocol, rest};
use bytes::Bytes;
use futures_util::StreamExt as _;
use service::{Caller, Edge, Head};

use crate::Gateway;
use crate::body::{self, DRAINED_BYTES_MAX};
use crate::finished::finished;
use crate::pipeline::Way;

/// A body that has not been read.
pub(crate) struct Coming {
    pub pieces: Pieces,
    pub size_bytes: Option<u64>,
}

/// What a request's head tells of its way.
pub(crate) enum Ahead {
    /// Its operation takes the body as it comes.
    Streams(Way),
    /// The body is a message, and changes nothing of the way.
    Known(Way),
    /// The body may tell more.
    Open,
}

impl Gateway {
    /// The way of a request whose body has not been read.
    pub(crate) fn ahead(&self, request: &Request) -> Ahead {
        let mut way = self.way(request);
        let Some(api) = way.api else { return Ahead::Open };
        // The other protocols' bodies are messages.
        if !api.protocols.iter().any(|protocol| matches!(protocol, Protocol::RestJson | Protocol::RestXml)) {
            return Ahead::Open;
        }
        let routed = match &way.path {
            Some(path) => {
                let there = Request {
                    method: request.method.clone(),
                    path: path.clone(),
                    query: request.query.clone(),
                    headers: request.headers.clone(),
                    body: Bytes::new(),
                };
                protocol::route(api, &there)
            }
            None => protocol::route(api, request),
        };
        let Ok(routed) = routed else { return Ahead::Open };
        let (streams, is_named) = (routed.streamed().is_some(), rest::names_service(routed.operation));
        let is_meant = way.scope.as_ref().is_some_and(|scope| scope.service == api.name);
        let is_sure = is_named || is_meant || way.path.is_some();
        way.routed = Some(routed);
        match (streams, is_sure) {
            (true, _) => Ahead::Streams(way),
            (false, true) => Ahead::Known(way),
            (false, false) => Ahead::Open,
        }
    }

    /// Answers a request whose body is still to come. A client that goes away breaks its body off, and nothing
    /// is done.
    pub(crate) async fn answer_streamed(
        &self,
        request: Request,
        way: Way,
        pieces: Pieces,
        size_bytes: Option<u64>,
    ) -> Response {
        let waits = body::waits(&request.headers);
        let this = self.clone();
        finished(async move {
            let request_id: Arc<str> = this.0.platform.env().uuid().to_string().into();
            let shared = Arc::new(Mutex::new(Some(pieces)));
            let coming = Coming { pieces: lent(Arc::clone(&shared)), size_bytes };
            let response = this.answer_api(request, way, Some(coming), request_id).await;
            let rest = shared.lock().expect("no panic while held").take();
            if let Some(rest) = rest.filter(|_| response.status >= 300 && !waits) {
                drain(rest).await;
            }
            response
        })
        .await
    }
}

/// The same pieces, for somebody who may leave them before the end.
fn lent(shared: Arc<Mutex<Option<Pieces>>>) -> Pieces {
    Box::pin(futures_util::stream::poll_fn(move |cx| {
        match shared.lock().expect("no panic while held").as_mut() {
            Some(pieces) => pieces.poll_next_unpin(cx),
            None => Poll::Ready(None::<io::Result<Bytes>>),
        }
    }))
}

/// A client that still writes would not see the answer.
async fn drain(mut rest: Pieces) {
    let mut drained = 0;
    while let Some(Ok(piece)) = rest.next().await {
        drained += piece.len();
        if drained > DRAINED_BYTES_MAX {
            break;
        }
    }
}

/// A request that an API with ways of its own is asked.
pub(crate) struct Asked(Option<(Arc<dyn Edge>, Head, Caller)>);

impl Asked {
    pub(crate) fn new(gateway: &Gateway, api: &Service, request: &Request, way: &Way) -> Self {
        let Some(edge) = gateway.0.platform.edge(api) else { return Self(None) };
        let mut head = Head::of(request);
        if let Some(path) = &way.path {
            head.path.clone_from(path);
        }
        let region = way.scope.as_ref().map_or(DEFAULT_REGION, |scope| &scope.region);
        Self(Some((Arc::clone(edge), head, Caller::root(DEFAULT_ACCOUNT, region))))
    }

    pub(crate) fn refusal(&self, error: AwsError) -> AwsError {
        match &self.0 {
            Some((edge, head, _)) => edge.refusal(head, error),
            None => error,
        }
    }

    pub(crate) async fn finish(
        self,
        gateway: &Gateway,
        request_id: Arc<str>,
        response: Response,
    ) -> Response {
        match self.0 {
            Some((edge, head, caller)) => {
                let cx = gateway.0.platform.ctx(caller, request_id);
                edge.finish(cx, head, response).await
            }
            None => response,
        }
    }
}
