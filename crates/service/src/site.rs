//! Addresses that a service has beside its API, such as functions' URLs. The gateway, which knows no service, asks
//! every site whether a request is its own before it looks for an API; a port of a site's own has no other requests.

use std::any::Any;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use aws_auth::Authenticator;
use aws_wire::{Request, Response, Result};
use tokio::io::{AsyncRead, AsyncWrite};

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
    /// Where the client asks to go on in another protocol.
    pub upgrade: Mutex<Option<Upgrade>>,
}

impl Visit {
    /// Takes the way to another protocol, where the client asks for one.
    ///
    /// # Panics
    /// When another panicked meanwhile.
    pub fn take_upgrade(&self) -> Option<Upgrade> {
        self.upgrade.lock().expect("nothing panics while it is held").take()
    }
}

/// A connection on which a client would speak another protocol than HTTP from here on; an answer of 101 agrees.
pub struct Upgrade {
    /// The connection, once that answer has gone out.
    pub stream: Pending<io::Result<Box<dyn Duplex>>>,
    /// Resolves when the platform is about to stop.
    pub stopping: Pending<()>,
    /// As long as somebody has this, the platform waits with that, but not for ever.
    pub held: Box<dyn Any + Send>,
}

/// Bytes in both directions.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}
