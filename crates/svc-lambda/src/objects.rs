//! What Lambda asks of S3: one object's bytes, in the name of whoever called.

use std::pin::Pin;

use blob::BoxFuture;
use service::Caller;
use tokio::io::AsyncRead;

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    pub bucket: String,
    pub key: String,
    /// The latest where absent.
    pub version: Option<String>,
}

/// Its bytes as a stream.
pub type Object = Pin<Box<dyn AsyncRead + Send>>;

/// Why there is none, as S3 says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ObjectRefused {
    /// Such as `NoSuchKey`.
    pub code: String,
    pub message: String,
}

/// A store of objects: S3's `GetObject`, as far as Lambda needs it. Connected in the assembly.
pub trait Objects: Send + Sync {
    /// Opens an object that `caller` may read. Its stream ends in an error if it can't be read to its end.
    fn get<'a>(
        &'a self,
        caller: &'a Caller,
        name: &'a ObjectName,
    ) -> BoxFuture<'a, Result<Object, ObjectRefused>>;
}
