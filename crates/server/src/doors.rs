//! What a sandbox finds of the platform: its endpoint, and AWS's own hosts.

use std::sync::{Arc, OnceLock};

use aws_hosts::{Authority, Elsewhere, Failed};
use env::Env;
use execution::PlatformDoor;
use gateway::Gateway;
use sandbox::Network;
use tokio::net::TcpListener;

/// Serves sandboxes as `gateway` does, once there is one.
///
/// # Errors
/// When TLS can't be served.
pub fn platform_door(
    gateway: &Arc<OnceLock<Gateway>>,
    authority: &Arc<Authority>,
    network: Network,
    env: &Env,
) -> Result<PlatformDoor, Failed> {
    let (gateway, env, tls) = (Arc::clone(gateway), env.clone(), authority.server()?);
    let elsewhere = match network {
        Network::Isolated => Elsewhere::Unknown,
        Network::Outbound => Elsewhere::Refused,
    };
    Ok(Box::new(move |platform, hosts, stop| {
        let Some(gateway) = gateway.get() else { return };
        let drained = || std::future::ready(());
        if let Ok(listener) = TcpListener::from_std(platform) {
            let (gateway, stop) = (gateway.clone(), stop.clone().cancelled_owned());
            tokio::spawn(async move { gateway.serve(listener, stop, drained()).await });
        }
        let Some(hosts) = hosts else { return };
        if let Ok(listener) = TcpListener::from_std(hosts.https) {
            let (gateway, tls, stop) = (gateway.clone(), Arc::clone(&tls), stop.clone().cancelled_owned());
            tokio::spawn(async move { gateway.serve_tls(listener, tls, stop, drained()).await });
        }
        tokio::spawn(aws_hosts::serve(hosts.names, elsewhere, env.clone(), stop));
    }))
}
