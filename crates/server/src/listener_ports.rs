//! Ports of load balancers' listeners, beside the platform's own, at the same address.

use std::io;
use std::net::{IpAddr, TcpListener as StdListener};
use std::sync::{Arc, OnceLock};

use env::Env;
use gateway::Gateway;
use service::Site;
use svc_elbv2::{OpenPort, Ports};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::up::DRAIN_MAX;

/// Serves them as the gateway does, once there is one.
pub struct ListenerPorts {
    pub gateway: Arc<OnceLock<Gateway>>,
    pub address: IpAddr,
    pub env: Env,
    /// Closes all.
    pub stop: CancellationToken,
    /// Those that are open, or have requests under way.
    pub open: TaskTracker,
}

impl ListenerPorts {
    /// Closes every port, and waits for the requests under way as long as the platform's own port does.
    pub async fn finish(&self) {
        self.open.close();
        self.open.wait().await;
    }
}

impl Ports for ListenerPorts {
    fn address(&self) -> IpAddr {
        self.address
    }

    fn open(&self, port: u16, site: Arc<dyn Site>) -> io::Result<OpenPort> {
        let gateway =
            self.gateway.get().cloned().ok_or_else(|| io::Error::other("the platform is not up yet"))?;
        let listener = StdListener::bind((self.address, port))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let (stop, env) = (self.stop.child_token(), self.env.clone());
        let (tell, closed) = oneshot::channel();
        let stopped = stop.clone().cancelled_owned();
        self.open.spawn(async move {
            let left = gateway.serve_site(listener, (svc_elbv2::API, site), stopped).await;
            // Nobody may have waited for it.
            let _ = tell.send(());
            left.finish(env.sleep(DRAIN_MAX)).await;
        });
        Ok(OpenPort::new(stop, closed))
    }
}
