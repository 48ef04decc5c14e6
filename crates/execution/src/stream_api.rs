//! The Runtime API's `/response` in streaming mode: a body in chunks, and trailers when the function fails halfway.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::environment::{Environment, Reply};
use crate::invocation::Failure;
use crate::limits::RESPONSE_BYTES_MAX;
use crate::state::Refusal;
use crate::stream::Writer;

/// Names the error of a function that failed halfway; as a header, the one of `/error`.
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";
/// A connection breaks when its process ends: so long its exit, which tells more, may take to be known.
const EXIT_GRACE: Duration = Duration::from_secs(1);

/// How a streamed response came to its end.
pub(crate) enum Taken {
    Whole,
    TooLarge { bytes_max: u64 },
    Truncated,
}

/// Takes the response to request `id` and passes it on as it comes. It is read to its end even where the rest goes
/// nowhere: a runtime whose writes fail would take that for the platform's end.
pub(crate) async fn take(
    environment: &Arc<Environment>,
    id: &str,
    request: Request<Incoming>,
) -> Result<Taken, Refusal> {
    let writer = environment.begin_answer(id)?;
    let reply = match writer {
        Some(writer) => {
            let content_type = request.headers().get("content-type");
            let content_type = content_type.and_then(|value| value.to_str().ok());
            let content_type = content_type.unwrap_or("application/octet-stream").to_owned();
            pass_on(request.into_body(), writer, content_type).await
        }
        None => collect(request.into_body()).await,
    };
    let taken = match reply {
        Err(Failure::Truncated) => {
            environment.sleep(EXIT_GRACE).await;
            Taken::Truncated
        }
        Err(Failure::StreamTooLarge { bytes_max }) => Taken::TooLarge { bytes_max },
        Err(Failure::ResponseTooLarge) => Taken::TooLarge { bytes_max: RESPONSE_BYTES_MAX as u64 },
        Ok(_) | Err(_) => Taken::Whole,
    };
    environment.end_answer(id, reply)?;
    Ok(taken)
}

async fn pass_on(mut body: Incoming, mut writer: Writer, content_type: String) -> Reply {
    writer.begin(content_type).await;
    let mut ended = Ok(());
    while let Some(piece) = next_piece(&mut body).await? {
        match piece {
            Piece::Data(bytes) if ended.is_ok() => ended = writer.write(bytes).await,
            Piece::Data(_) => {}
            Piece::Failed(failure) => ended = ended.and(Err(failure)),
        }
    }
    ended.map(|()| Bytes::new())
}

/// For a caller who waits for the whole.
async fn collect(mut body: Incoming) -> Reply {
    let mut collected = Ok(BytesMut::new());
    while let Some(piece) = next_piece(&mut body).await? {
        collected = match (collected, piece) {
            (Ok(all), Piece::Data(bytes)) if all.len() + bytes.len() > RESPONSE_BYTES_MAX => {
                Err(Failure::ResponseTooLarge)
            }
            (Ok(mut all), Piece::Data(bytes)) => {
                all.extend_from_slice(&bytes);
                Ok(all)
            }
            (Ok(_), Piece::Failed(failure)) => Err(failure),
            (failed, _) => failed,
        };
    }
    collected.map(BytesMut::freeze)
}

enum Piece {
    Data(Bytes),
    /// What the trailers say.
    Failed(Failure),
}

async fn next_piece(body: &mut Incoming) -> Result<Option<Piece>, Failure> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Failure::Truncated)?;
        let piece = match frame.into_data() {
            Ok(bytes) => Some(Piece::Data(bytes)),
            Err(frame) => {
                frame.into_trailers().ok().and_then(|trailers| failure(&trailers)).map(Piece::Failed)
            }
        };
        if piece.is_some() {
            return Ok(piece);
        }
    }
    Ok(None)
}

fn failure(trailers: &HeaderMap) -> Option<Failure> {
    let error_type = trailers.get(ERROR_TYPE);
    let body = trailers.get(ERROR_BODY);
    if error_type.is_none() && body.is_none() {
        return None;
    }
    let error_type =
        error_type.and_then(|value| value.to_str().ok()).unwrap_or("Function.Unknown").to_owned();
    let payload = body.and_then(|value| BASE64.decode(value.as_bytes()).ok()).unwrap_or_default();
    Some(Failure::Reported { error_type, payload: payload.into() })
}
