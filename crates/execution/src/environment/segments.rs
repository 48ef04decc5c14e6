//! An environment's part in traces: what it tells of an invocation, and the X-Ray daemon that functions send to.
//!
//! A datagram is `{"format":"json","version":1}`, a line's end, and a segment document.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use env::Timestamp;
use tokio::net::UdpSocket;

use super::Environment;
use crate::invocation::Outcome;
use crate::segments::{Sampled, SegmentSink, Traced};
use crate::variables::DAEMON_PORT;
use crate::version::Version;

/// The largest datagram.
const DATAGRAM_BYTES: usize = 65_536;

/// An invocation of a sampled trace, under way.
pub(super) struct Under {
    sampled: Sampled,
    request_id: Arc<str>,
    began: Timestamp,
    answered: Option<Timestamp>,
}

impl Under {
    pub(super) fn answered(&mut self, now: Timestamp) {
        self.answered = Some(now);
    }
}

impl Environment {
    /// Begins to tell of an invocation, if its trace is sampled and somebody listens.
    pub(super) async fn trace(
        self: &Arc<Self>,
        sampled: Option<Sampled>,
        request_id: &Arc<str>,
    ) -> Option<Under> {
        let (sampled, sink) = sampled.zip(self.segments.as_ref())?;
        if !self.hears_segments.swap(true, Ordering::AcqRel) {
            Box::pin(self.listen(Arc::clone(sink))).await;
        }
        Some(Under { sampled, request_id: Arc::clone(request_id), began: self.env.now(), answered: None })
    }

    pub(super) fn traced(&self, under: Option<Under>, outcome: &Outcome, init: Option<std::time::Duration>) {
        let (Some(under), Some(sink)) = (under, &self.segments) else { return };
        let now = self.env.now();
        let failure = outcome.error_type.clone().map(|error_type| (error_type, outcome.payload.clone()));
        let answered = under.answered.unwrap_or(now);
        let cold_start = init.and_then(|_| self.cold_start.get().copied());
        let Under { sampled, request_id, began, .. } = under;
        sink.invocation(
            &self.version,
            Traced { sampled, request_id, began, answered, ended: now, init, cold_start, failure },
        );
    }

    /// Opens the daemon's port inside the sandbox, once somebody may send there.
    async fn listen(self: &Arc<Self>, sink: Arc<dyn SegmentSink>) {
        let socket = match self.sandbox.datagrams(DAEMON_PORT).await {
            Ok(socket) => UdpSocket::from_std(socket.into()),
            Err(error) => {
                tracing::debug!(%error, "open the X-Ray daemon's port in a sandbox");
                return;
            }
        };
        if let Ok(socket) = socket {
            let version = Arc::clone(&self.version);
            self.tasks.lock().expect("no panic while held").spawn(receive(socket, version, sink));
        }
    }
}

async fn receive(socket: UdpSocket, version: Arc<Version>, sink: Arc<dyn SegmentSink>) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    // It ends with the environment, whose task it is.
    while let Ok(size) = socket.recv(&mut buffer).await {
        let text = std::str::from_utf8(&buffer[..size]).ok();
        if let Some((head, document)) = text.and_then(|text| text.split_once('\n'))
            && head.contains("\"json\"")
        {
            sink.document(&version, document);
        }
    }
}
