//! Which name servers functions with a way out are told of: the host's own, as far as they can be reached
//! from a sandbox.

use std::net::Ipv4Addr;

use crate::netlink::Netlink;

/// Where hosts name their servers. Behind a local cache, systemd keeps the real ones in the second.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
/// With the sandbox's own more are not asked by the usual C library.
const RESOLVERS_MAX: usize = 2;

/// The servers of the first file that names one outside this machine.
pub(crate) fn of_the_host() -> Vec<Ipv4Addr> {
    let netlink = Netlink::open().ok();
    // A server that cannot be reached yet may be later; one on this machine never.
    let is_outside = |server: &Ipv4Addr| {
        !server.is_loopback()
            && netlink.as_ref().and_then(|netlink| netlink.leads_outside(*server).ok()).unwrap_or(true)
    };
    for file in FILES {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let servers: Vec<_> = parse(&text).into_iter().filter(is_outside).take(RESOLVERS_MAX).collect();
        if !servers.is_empty() {
            return servers;
        }
    }
    Vec::new()
}

fn parse(text: &str) -> Vec<Ipv4Addr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse().ok()).flatten()
    };
    text.lines().filter_map(server).collect()
}

/// What `/etc/resolv.conf` says inside: the sandbox's own server, which knows AWS's hosts and sends whoever asks for
/// others on to the next.
pub(crate) fn file(servers: &[Ipv4Addr]) -> String {
    let own = [Ipv4Addr::LOCALHOST];
    let lines: String = own.iter().chain(servers).map(|server| format!("nameserver {server}\n")).collect();
    if servers.is_empty() {
        // Nobody else is within reach: there is nothing to wait for.
        return format!("{lines}options timeout:1 attempts:1\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{file, parse};
    use std::net::Ipv4Addr;

    #[test]
    fn servers_are_found() {
        let text = "# nameserver 1.1.1.1\nsearch example.com\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\n\
                    \tnameserver  198.51.100.53 # second\nnameserver\noptions ndots:2\n";
        let servers = parse(text);
        assert_eq!(servers, [Ipv4Addr::new(192, 0, 2, 53), Ipv4Addr::new(198, 51, 100, 53)]);
        assert_eq!(file(&servers), "nameserver 127.0.0.1\nnameserver 192.0.2.53\nnameserver 198.51.100.53\n");
    }
}
