//! Network namespaces with nothing but a loopback, and the platform's listeners inside them.
//!
//! The listeners' descriptors go to the daemon, which so accepts connections from within the namespace. A
//! listener *is* its sandbox's identity: nobody else can connect to it.

use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::thread::UnshareFlags;

use crate::failure::{Result, Step};
use crate::root::unshare;
use crate::sys;

/// Where the Runtime API listens inside a sandbox.
pub(crate) const RUNTIME_API_PORT: u16 = 9001;
/// Where the platform's AWS endpoint listens inside a sandbox.
pub(crate) const PLATFORM_PORT: u16 = 4566;

/// The two listeners of one sandbox.
pub(crate) struct Doors {
    pub runtime_api: OwnedFd,
    pub platform: OwnedFd,
}

impl Doors {
    /// Opens both on the loopback of the network namespace the process is in; port 0 lets the kernel choose.
    pub(crate) fn open(runtime_api_port: u16, platform_port: u16) -> Result<Self> {
        let listen = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(OwnedFd::from);
        Ok(Self {
            runtime_api: listen(runtime_api_port).step("listen for the runtime api")?,
            platform: listen(platform_port).step("listen for the platform endpoint")?,
        })
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
    Doors::open(RUNTIME_API_PORT, PLATFORM_PORT)
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
