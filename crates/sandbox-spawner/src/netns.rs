//! Network namespaces with nothing but a loopback, and the platform's listeners inside them.
//!
//! The listeners' descriptors go to the daemon, which so accepts connections from within the namespace. A
//! listener *is* its sandbox's identity: nobody else can connect to it.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::thread::UnshareFlags;

use crate::failure::{Result, Step};
use crate::root::unshare;
use crate::sys;

/// Where the Runtime API listens inside a sandbox.
pub(crate) const RUNTIME_API_PORT: u16 = 9001;
/// Where the platform's AWS endpoint listens inside a sandbox.
pub(crate) const PLATFORM_PORT: u16 = 4566;

/// Where AWS's own hosts are asked for inside a sandbox, and where they answer.
const NAMES_PORT: u16 = 53;
const HTTPS_PORT: u16 = 443;

/// The listeners of one sandbox.
pub(crate) struct Doors {
    pub runtime_api: OwnedFd,
    pub platform: OwnedFd,
    /// Only where the loopback is the sandbox's own.
    pub hosts: Option<HostDoors>,
}

/// What stands for AWS's own hosts.
pub(crate) struct HostDoors {
    pub https: OwnedFd,
    pub names: OwnedFd,
}

impl Doors {
    /// Opens both on the loopback of the network namespace the process is in; port 0 lets the kernel choose.
    pub(crate) fn open(runtime_api_port: u16, platform_port: u16) -> Result<Self> {
        let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(OwnedFd::from);
        Ok(Self {
            runtime_api: listen(runtime_api_port).step("listen for the runtime api")?,
            platform: listen(platform_port).step("listen for the platform endpoint")?,
            hosts: None,
        })
    }

    /// All of them, as [`Doors::received`] takes them.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let hosts = self.hosts.iter().flat_map(|hosts| [&hosts.https, &hosts.names]);
        [&self.runtime_api, &self.platform].into_iter().chain(hosts).map(AsFd::as_fd).collect()
    }

    /// Those of a message, which holds nothing else any more; `None` if some are missing.
    pub(crate) fn received(fds: impl IntoIterator<Item = OwnedFd>) -> Option<Self> {
        let mut fds = fds.into_iter();
        let (runtime_api, platform) = (fds.next()?, fds.next()?);
        let hosts = fds.next().map(|https| Some(HostDoors { https, names: fds.next()? }));
        let hosts = if let Some(hosts) = hosts { Some(hosts?) } else { None };
        Some(Self { runtime_api, platform, hosts })
    }
}

/// Makes one namespace. The calling process is left inside it.
pub(crate) fn make() -> Result<Doors> {
    unshare(UnshareFlags::NEWNET, "make a network namespace")?;
    furnish()
}

/// Makes the new namespace that the calling process is in a sandbox's.
pub(crate) fn furnish() -> Result<Doors> {
    loopback_up()?;
    let https = TcpListener::bind((Ipv4Addr::LOCALHOST, HTTPS_PORT)).map(OwnedFd::from);
    let names = UdpSocket::bind((Ipv4Addr::LOCALHOST, NAMES_PORT)).map(OwnedFd::from);
    let hosts = HostDoors {
        https: https.step("listen for AWS's hosts")?,
        names: names.step("listen for questions of names")?,
    };
    Ok(Doors { hosts: Some(hosts), ..Doors::open(RUNTIME_API_PORT, PLATFORM_PORT)? })
}

fn loopback_up() -> Result<()> {
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
        .step("open a socket")?;
    // SAFETY: all zeroes is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo\0") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    sys::ioctl_with(socket.as_fd(), libc::SIOCSIFFLAGS as _, &mut request).step("bring the loopback up")
}
