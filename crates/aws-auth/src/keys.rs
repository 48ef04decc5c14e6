//! Long-lived access keys: what the authenticator asks of whoever keeps them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws_wire::Result;

/// A secret access key. Shows itself to nobody but a signature.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The secret itself, for a signature or for the client it is handed to.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// An access key and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub secret_access_key: Secret,
    /// The principal's ARN.
    pub arn: String,
    /// The principal's unique id, such as `AIDA…`.
    pub user_id: String,
    pub account: Arc<str>,
}

/// What [`Keys::find`] resolves to.
pub type Found<'a> = Pin<Box<dyn Future<Output = Result<Option<Key>>> + Send + 'a>>;

/// Where access keys are kept; the server connects it.
pub trait Keys: Send + Sync {
    /// The active key of that id, if there is one.
    fn find<'a>(&'a self, access_key_id: &'a str) -> Found<'a>;
}

/// Nobody has a key: what an open platform needs.
pub struct NoKeys;

impl Keys for NoKeys {
    fn find<'a>(&'a self, _access_key_id: &'a str) -> Found<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
