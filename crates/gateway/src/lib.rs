//! HTTP in, AWS's answers out. Start with `pipeline.rs`: the road of a request, one step after the other.

mod body;
mod listener;
mod pipeline;
mod route;
mod streamed;
mod visit;

use std::sync::Arc;

use aws_auth::Authenticator;
use service::Platform;

/// The front door. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    platform: Platform,
    authenticator: Arc<Authenticator>,
}

impl Gateway {
    pub fn new(platform: Platform, authenticator: Authenticator) -> Self {
        Self(Arc::new(Inner { platform, authenticator: Arc::new(authenticator) }))
    }
}
