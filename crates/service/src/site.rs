//! Addresses that a service has beside its API, such as functions' URLs. The gateway, which knows no service, asks
//! every site whether a request is its own before it looks for an API; a port of a site's own has no other requests.

use std::net::IpAddr;
use std::sync::Arc;

use aws_auth::Authenticator;
use aws_wire::{Request, Response, Result};

use crate::register::Pending;
use crate::{Caller, Ctx};

/// Addresses that speak no AWS protocol.
pub trait Site: Send + Sync {
    /// Whether a request is for this site, by its host and path alone.
    fn claims(&self, request: &Request) -> bool;

    /// The largest body that it takes.
    fn body_bytes_max(&self) -> usize;

    /// What it answers to a larger one, where it does not do so in the words of its service's API.
    fn too_large(&self) -> Option<Response> {
        None
    }

    /// The name that requests to it are signed for, where that is not its API's.
    fn signed_for(&self) -> Option<&'static str> {
        None
    }

    /// Answers, errors too. `cx` has the service's account and region, not the visitor's.
    fn answer(&self, cx: Ctx, visit: Visit) -> Pending<Response>;
}

/// A request to a site.
pub struct Visit {
    pub request: Request,
    /// Where it comes from.
    pub peer: IpAddr,
    /// Who signed it for the site's service, or why that can't be told. Whether that matters is the site's affair.
    pub caller: Result<Caller>,
    /// For what is signed elsewhere than in the head, such as a form.
    pub authenticator: Arc<Authenticator>,
}
