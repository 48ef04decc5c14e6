//! HTTP in, AWS's answers out. Start with `pipeline.rs`: the road of a request, one step after the other.

mod body;
mod download;
mod finished;
mod listener;
mod pipeline;
mod route;
mod streamed;
mod visit;

use std::sync::Arc;

use aws_auth::Authenticator;
use aws_wire::schema::Service;
use blob::Blobs;
use service::{Platform, Site};

pub use listener::Connections;

/// A site, and the service that has it.
pub type OwnSite = (&'static Service, Arc<dyn Site>);

/// The front door. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    platform: Platform,
    authenticator: Arc<Authenticator>,
    /// What presigned URLs lead to, where there is anything.
    packages: Option<Arc<dyn Blobs>>,
}

impl Gateway {
    pub fn new(platform: Platform, authenticator: Authenticator) -> Self {
        Self(Arc::new(Inner { platform, authenticator: Arc::new(authenticator), packages: None }))
    }

    /// One where packages can be had by presigned URL.
    pub fn with_packages(platform: Platform, authenticator: Authenticator, packages: Arc<dyn Blobs>) -> Self {
        Self(Arc::new(Inner { platform, authenticator: Arc::new(authenticator), packages: Some(packages) }))
    }
}
