//! Reads a request's body, up to a bound.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};

/// The largest body of any operation: Lambda's bound of a request with a package in it.
pub const BODY_BYTES_MAX: usize = 70_167_211;

#[derive(Debug)]
pub enum Error {
    TooLarge,
    /// The client went away or broke the protocol.
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

pub async fn read(body: Incoming, bytes_max: usize) -> Result<Bytes, Error> {
    // A length that is announced is refused before the body comes.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(Error::TooLarge);
    }
    let too_large = body.size_hint().lower() > bytes_max as u64;
    let mut body = Limited::new(body, BODY_BYTES_MAX);
    if bytes_max < BODY_BYTES_MAX {
        return read_less(&mut body, bytes_max, too_large).await;
    }
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(failure(error)),
    }
}

/// Beyond the smaller bound the rest is read and thrown away: a client that still writes would not see the answer.
async fn read_less(
    body: &mut Limited<Incoming>,
    bytes_max: usize,
    mut too_large: bool,
) -> Result<Bytes, Error> {
    let mut kept = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(failure)?.into_data() else { continue };
        too_large |= kept.len() + data.len() > bytes_max;
        if too_large {
            kept = BytesMut::new();
        } else {
            kept.extend_from_slice(&data);
        }
    }
    if too_large { Err(Error::TooLarge) } else { Ok(kept.freeze()) }
}

fn failure(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    if error.is::<LengthLimitError>() { Error::TooLarge } else { Error::Broken(error) }
}
