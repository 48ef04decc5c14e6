//! The few things asked of the kernel's routing, as netlink messages put together by hand.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// The loopback is the first device of every network namespace.
const LOOPBACK: u32 = 1;
const FAMILY: u8 = libc::AF_INET as u8;
const HEADER_BYTES: usize = 16;
/// Room for any answer to the questions below.
const ANSWER_BYTES_MAX: usize = 8192;

/// What becomes of packets to an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// They are delivered here, with this address as the sender's unless it has chosen another.
    Local {
        sender: Ipv4Addr,
    },
    Unreachable,
}

/// A conversation about the network namespace the process was in when it began.
pub(crate) struct Netlink {
    socket: OwnedFd,
    /// Number of the last message, which its answer repeats.
    last: AtomicU32,
}

impl Netlink {
    pub(crate) fn open() -> io::Result<Self> {
        // Routing is the protocol with number zero.
        let socket =
            rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        Ok(Self { socket, last: AtomicU32::new(0) })
    }

    /// Gives the loopback one more address.
    pub(crate) fn add_address(&self, address: Ipv4Addr) -> io::Result<()> {
        let mut body = vec![FAMILY, 32, 0, libc::RT_SCOPE_HOST];
        body.extend(LOOPBACK.to_ne_bytes());
        attribute(&mut body, libc::IFA_LOCAL, &address.octets());
        attribute(&mut body, libc::IFA_ADDRESS, &address.octets());
        self.ask(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body).map(drop)
    }

    /// Decides what becomes of packets to all addresses that share the first `bits` with `network`.
    pub(crate) fn add_route(&self, network: Ipv4Addr, bits: u8, fate: Fate) -> io::Result<()> {
        let (kind, scope) = match fate {
            Fate::Local { .. } => (libc::RTN_LOCAL, libc::RT_SCOPE_HOST),
            Fate::Unreachable => (libc::RTN_UNREACHABLE, libc::RT_SCOPE_UNIVERSE),
        };
        let mut body = route_message(bits, kind, scope);
        attribute(&mut body, libc::RTA_DST, &network.octets());
        if let Fate::Local { sender } = fate {
            attribute(&mut body, libc::RTA_OIF, &LOOPBACK.to_ne_bytes());
            attribute(&mut body, libc::RTA_PREFSRC, &sender.octets());
        }
        self.ask(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_EXCL, &body).map(drop)
    }

    /// Whether packets to `address` leave this machine: not if it is an address of the machine itself, a
    /// broadcast address of one of its networks, or one it has no way to.
    pub(crate) fn leads_outside(&self, address: Ipv4Addr) -> io::Result<bool> {
        let mut body = route_message(32, libc::RTN_UNSPEC, libc::RT_SCOPE_UNIVERSE);
        attribute(&mut body, libc::RTA_DST, &address.octets());
        let answer = self.ask(libc::RTM_GETROUTE, 0, &body)?;
        // The kind of route is the last of the eight bytes that a route message begins with.
        let kind = answer.get(HEADER_BYTES + 7).copied().ok_or(io::ErrorKind::InvalidData)?;
        Ok(kind == libc::RTN_UNICAST)
    }

    fn ask(&self, kind: u16, flags: i32, body: &[u8]) -> io::Result<Vec<u8>> {
        // Questions are answered with what was asked for, orders with an acknowledgement.
        let flags = if kind == libc::RTM_GETROUTE { flags } else { flags | libc::NLM_F_ACK };
        let mut message = Vec::with_capacity(HEADER_BYTES + body.len());
        message.extend(((HEADER_BYTES + body.len()) as u32).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(((flags | libc::NLM_F_REQUEST) as u16).to_ne_bytes());
        let number = self.last.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        message.extend(number.to_ne_bytes());
        message.extend([0; 4]);
        message.extend(body);
        rustix::net::send(&self.socket, &message, SendFlags::NOSIGNAL)?;
        let mut answer = vec![0; ANSWER_BYTES_MAX];
        loop {
            answer.resize(ANSWER_BYTES_MAX, 0);
            let (length, _) = rustix::net::recv(&self.socket, answer.as_mut_slice(), RecvFlags::empty())?;
            answer.truncate(length);
            // The answer to an earlier question, which failed half-way, must not be taken for this one's.
            if answer.get(8..12) == Some(&number.to_ne_bytes()) {
                break;
            }
        }
        let word = |at: usize, length: usize| answer.get(at..at + length).ok_or(io::ErrorKind::InvalidData);
        if word(4, 2)? != (libc::NLMSG_ERROR as u16).to_ne_bytes() {
            return Ok(answer);
        }
        let mut code = [0; 4];
        code.copy_from_slice(word(HEADER_BYTES, 4)?);
        match i32::from_ne_bytes(code) {
            0 => Ok(answer),
            code => Err(io::Error::from_raw_os_error(-code)),
        }
    }
}

fn route_message(bits: u8, kind: u8, scope: u8) -> Vec<u8> {
    let mut message = vec![FAMILY, bits, 0, 0, libc::RT_TABLE_MAIN, libc::RTPROT_BOOT, scope, kind];
    message.extend([0; 4]);
    message
}

/// All values here fill whole words, so none needs padding.
fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend((4 + value.len() as u16).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
}

#[cfg(test)]
mod tests {
    use super::Netlink;
    use std::net::Ipv4Addr;

    #[test]
    fn the_own_machine_is_not_outside() {
        let netlink = Netlink::open().expect("open");
        for address in [[127, 0, 0, 1], [127, 9, 9, 9], [255, 255, 255, 255], [224, 0, 0, 1]] {
            // A machine without any network answers with an error, which is not the outside either.
            assert!(!netlink.leads_outside(Ipv4Addr::from(address)).unwrap_or(false), "{address:?}");
        }
    }
}
