//! Listeners' ports on this machine: opened when the first listener has one, closed with the last.
//!
//! Load balancers have addresses of their own on AWS, so two may listen at one port. Here they share it, and the host
//! that a request is for says whose it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use api_elbv2::errors;
use aws_wire::{AwsError, Result};
use kv::{Read, Span};
use service::Site;
use tokio::sync::{Mutex, MutexGuard, oneshot};
use tokio_util::sync::CancellationToken;

use crate::Ctx;
use crate::keys::{LISTENERS, NameKey, PORTS};
use crate::site::PortSite;

/// How long a port that somebody else has is left alone.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// Who serves ports of this machine. The assembly connects it with the front door.
pub trait Ports: Send + Sync {
    /// Where ports are opened.
    fn address(&self) -> IpAddr;

    /// Serves `site` at a port.
    ///
    /// # Errors
    /// When the system does not give the port.
    fn open(&self, port: u16, site: Arc<dyn Site>) -> io::Result<OpenPort>;
}

/// A port that is served until it is closed.
pub struct OpenPort {
    stop: CancellationToken,
    closed: oneshot::Receiver<()>,
}

impl OpenPort {
    /// `closed` is told when the port is free again after `stop`.
    pub fn new(stop: CancellationToken, closed: oneshot::Receiver<()>) -> Self {
        Self { stop, closed }
    }

    async fn close(self) {
        self.stop.cancel();
        // Who is gone without a word has closed it too.
        let _ = self.closed.await;
    }
}

/// The ports that are open.
#[derive(Default)]
pub(crate) struct Doors {
    ports: Option<Arc<dyn Ports>>,
    open: Mutex<BTreeMap<u16, OpenPort>>,
}

impl Doors {
    pub(crate) fn new(ports: Option<Arc<dyn Ports>>) -> Self {
        Self { ports, open: Mutex::default() }
    }
}

/// Makes a change of listeners with `port` open, if it needs one; afterwards those ports are open that listeners have.
///
/// # Errors
/// Those of the change; 400 where the port can't be had, and nothing is changed then.
pub(crate) async fn changing<T>(
    cx: &Ctx,
    port: Option<u16>,
    change: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut open = cx.state.doors.open.lock().await;
    if let Some(port) = port {
        ensure(cx, &mut open, port).map_err(|error| refused(cx, port, &error))?;
    }
    let done = change.await;
    // What is done is done, whatever becomes of ports.
    if let Err(error) = settle(cx, &mut open).await {
        tracing::error!(%error, "look for load balancers' ports");
    }
    done
}

fn ensure(cx: &Ctx, open: &mut BTreeMap<u16, OpenPort>, port: u16) -> io::Result<()> {
    let Some(ports) = cx.state.doors.ports.as_ref().filter(|_| !open.contains_key(&port)) else {
        return Ok(());
    };
    let site = PortSite { state: Arc::clone(&cx.state), port };
    open.insert(port, ports.open(port, Arc::new(site))?);
    Ok(())
}

fn refused(cx: &Ctx, port: u16, error: &io::Error) -> AwsError {
    let place = cx.state.doors.ports.as_ref().map(|ports| format!(" at {}", ports.address()));
    errors::invalid_configuration_request_exception(format!(
        "Port {port} can't be listened on{}: {error}. Choose another port, free this one, or start the platform with \
         --listener-ports none: load balancers are then called by their DNS names at the platform's own port.",
        place.unwrap_or_default()
    ))
}

/// Closes and opens what is not as it should be; whether every port could be opened.
async fn settle(cx: &Ctx, open: &mut MutexGuard<'_, BTreeMap<u16, OpenPort>>) -> Result<bool> {
    let rows = PORTS.all(&cx.kv.snapshot().await?, &Span::all())?;
    let wanted = rows.into_iter().map(|((port, ..), _)| port).collect::<BTreeSet<_>>();
    let unwanted = open.keys().copied().filter(|port| !wanted.contains(port)).collect::<Vec<_>>();
    for port in unwanted {
        if let Some(unwanted) = open.remove(&port) {
            unwanted.close().await;
        }
    }
    let mut complete = true;
    for port in wanted {
        if let Err(error) = ensure(cx, open, port) {
            tracing::warn!(port, %error, "a load balancer's port can't be listened on");
            complete = false;
        }
    }
    Ok(complete)
}

/// Opens the ports of all listeners at the start, and goes on trying where somebody else has one.
pub(crate) async fn run(cx: Ctx) {
    loop {
        let complete = {
            let mut open = cx.state.doors.open.lock().await;
            settle(&cx, &mut open).await
        };
        match complete {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "look for load balancers' ports"),
        }
        cx.env.sleep(RETRY_EVERY).await;
    }
}

/// Which ports of a load balancer nobody listens at, in words.
///
/// # Errors
/// Those of the store.
pub(crate) async fn impaired(cx: &Ctx, reader: &impl Read, key: &NameKey) -> Result<Option<String>> {
    if cx.state.doors.ports.is_none() {
        return Ok(None);
    }
    let (account, region, name) = key;
    let listeners = LISTENERS.all(reader, &Span::prefix(&(account, region, name.as_str())))?;
    let open = cx.state.doors.open.lock().await;
    let closed = listeners.iter().map(|(_, listener)| listener.port).filter(|port| !open.contains_key(port));
    let closed = closed.map(|port| port.to_string()).collect::<Vec<_>>();
    Ok((!closed.is_empty()).then(|| format!("Ports that can't be listened on: {}", closed.join(", "))))
}
