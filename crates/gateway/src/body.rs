//! Reads a request's body, up to a bound.

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;

/// The largest body of any operation: Lambda's `CreateFunction` with a 50 MB package in base64 is
/// refused above this by its own error, so the door's bound lies a little higher.
pub const BODY_BYTES_MAX: usize = 72 * 1024 * 1024;

#[derive(Debug)]
pub enum Error {
    TooLarge,
    /// The client went away or broke the protocol.
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

pub async fn read(body: Incoming) -> Result<Bytes, Error> {
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge),
        Err(error) => Err(Error::Broken(error)),
    }
}
