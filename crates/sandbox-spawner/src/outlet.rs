//! The way out of a sandbox: what its network namespace has besides the loopback and the doors.
//!
//! There is no device that leads out and no address translation. Inside, *every* address is the namespace's
//! own: whatever the function connects to, it is connected to one of two sockets that `relay.rs` holds. The
//! relay makes the real connection. A packet of the function's never leaves its namespace.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::failure::{Failure, Result, Step};
use crate::netlink::{Fate, Netlink};
use crate::root::open_namespace;
use crate::{steer, sys};

/// The function's address, as in Lambda. Every sandbox has the same: none can see another's.
pub(crate) const OWN_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 76, 1);
/// Never outside, whatever the host's routes say: this network, link-local (cloud metadata), multicast,
/// reserved and broadcast. The loopback is in no list: it is the sandbox's own.
pub(crate) const NEVER_OUTSIDE: [(Ipv4Addr, u8); 4] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Connections that may wait for the relay.
const BACKLOG: i32 = 1024;

/// What the relay needs for one sandbox.
pub(crate) struct Outlet {
    /// Accepts connections to any address but the own ones.
    pub tcp: OwnedFd,
    /// Receives datagrams to any address but the own ones, and tells to which.
    pub udp: OwnedFd,
    /// Sends datagrams with any address as their sender.
    pub raw: OwnedFd,
    /// While this is open, connections are steered to the sockets above.
    pub link: OwnedFd,
}

/// Adds a way out to the network namespace the process is in.
pub(crate) fn make() -> Result<Outlet> {
    let netlink = Netlink::open().step("open netlink")?;
    netlink.add_address(OWN_ADDRESS).step("add the sandbox's address")?;
    let everything = Fate::Local { sender: OWN_ADDRESS };
    netlink.add_route(Ipv4Addr::UNSPECIFIED, 0, everything).step("route to the relay")?;
    for (network, bits) in NEVER_OUTSIDE {
        netlink.add_route(network, bits, Fate::Unreachable).step("close routes that lead nowhere")?;
    }
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(OwnedFd::from).step("listen for the relay")?;
    // The usual backlog is small for a function that opens many connections at once.
    rustix::net::listen(&tcp, BACKLOG).step("listen for the relay")?;
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(OwnedFd::from).step("receive for the relay")?;
    sys::tell_destinations(udp.as_fd()).step("ask for datagrams' destinations")?;
    let protocol = Some(rustix::net::ipproto::RAW);
    let raw = rustix::net::socket_with(AddressFamily::INET, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
        .step("open a raw socket")?;
    let namespace = open_namespace("net")?;
    let link = steer::foreign_addresses(namespace.as_fd(), OWN_ADDRESS, tcp.as_fd(), udp.as_fd())
        .step("steer connections to the relay")?;
    for fd in [&tcp, &udp, &raw] {
        rustix::io::ioctl_fionbio(fd, true).step("make the relay's sockets non-blocking")?;
    }
    Ok(Outlet { tcp, udp, raw, link })
}

/// Connects from within, as a function would, and sees whether that arrives.
pub(crate) fn try_out() -> Result<()> {
    /// Of a network kept for examples; nothing sent there leaves the namespace.
    const ELSEWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 80);
    let lost = |what: &str| Failure::new(format!("find a {what} at the relay"), libc::ENETUNREACH);
    let outlet = make()?;
    let _connection = TcpStream::connect(ELSEWHERE).step("connect to the relay")?;
    let accepted = rustix::net::accept(&outlet.tcp).step("accept at the relay")?;
    let local = rustix::net::getsockname(&accepted).step("find a connection's destination")?;
    if SocketAddrV4::try_from(local).ok() != Some(ELSEWHERE) {
        return Err(lost("connection"));
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).step("open a socket")?;
    socket.send_to(&[1], ELSEWHERE).step("send to the relay")?;
    let (_, from, to) =
        sys::receive_datagram(outlet.udp.as_fd(), &mut [0; 2]).step("receive at the relay")?;
    if (*from.ip(), to) == (OWN_ADDRESS, ELSEWHERE) { Ok(()) } else { Err(lost("datagram")) }
}
