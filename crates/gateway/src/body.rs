//! Reads a request's body, up to a bound.

use bytes::Bytes;
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
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(Error::TooLarge);
    }
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge),
        Err(error) => Err(Error::Broken(error)),
    }
}
