//! Reads a request's body, up to a bound.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_wire::Pieces;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

/// The largest body of any operation: Lambda's bound of a request with a package in it.
pub const BODY_BYTES_MAX: usize = 70_167_211;
/// How much of a refused body is read and thrown away.
pub(crate) const DRAINED_BYTES_MAX: usize = 256 * 1024 * 1024;

#[derive(Debug)]
pub enum Error {
    TooLarge,
    /// The client went away or broke the protocol.
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

/// Whether a body has been read to its end.
#[derive(Clone)]
pub struct Progress(Arc<AtomicBool>);

impl Progress {
    /// What is left unread stands between this answer and the next request: the connection has to end, and a client that
    /// is not told would send its next request into it.
    pub fn tell<B>(&self, answer: &mut http::Response<B>) {
        if !self.0.load(Ordering::Relaxed) {
            close(answer);
        }
    }
}

/// Tells the client that the connection ends with this answer.
pub fn close<B>(answer: &mut http::Response<B>) {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// A body as it comes.
pub fn pieces(body: Incoming) -> (Pieces, Progress) {
    let progress = Progress(Arc::new(AtomicBool::new(body.is_end_stream())));
    let seen = progress.clone();
    let pieces = futures_util::stream::unfold((body, seen), |(mut body, seen)| async move {
        loop {
            let frame = body.frame().await;
            seen.0.store(frame.is_none() || body.is_end_stream(), Ordering::Relaxed);
            match frame?.map(hyper::body::Frame::into_data) {
                Ok(Ok(data)) => return Some((Ok(data), (body, seen))),
                Ok(Err(_trailers)) => {}
                Err(error) => return Some((Err(io::Error::other(error)), (body, seen))),
            }
        }
    });
    // Whoever drains a refused body does not know whether it came to its end.
    (Box::pin(pieces.fuse()), progress)
}

/// Whether a client waits to be told to go on before it sends a body.
pub fn waits(headers: &HeaderMap) -> bool {
    headers.contains_key(header::EXPECT)
}

/// Reads a body of up to `bytes_max`. More is read and thrown away, for a client that still writes would not see the
/// answer; one that waits to be told to go on (`Expect`) sees it at once.
pub async fn read(mut body: Incoming, bytes_max: usize, waits: bool) -> Result<Bytes, Error> {
    let mut too_large = body.size_hint().lower() > bytes_max as u64;
    if too_large && waits {
        return Err(Error::TooLarge);
    }
    let (mut pieces, mut seen) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| Error::Broken(error.into()))?.into_data() else { continue };
        seen += data.len();
        too_large |= seen > bytes_max;
        if !too_large {
            pieces.push(data);
            continue;
        }
        pieces.clear();
        if seen > DRAINED_BYTES_MAX {
            break;
        }
    }
    match pieces.pop() {
        _ if too_large => Err(Error::TooLarge),
        Some(whole) if pieces.is_empty() => Ok(whole),
        last => {
            pieces.extend(last);
            Ok(pieces.concat().into())
        }
    }
}
