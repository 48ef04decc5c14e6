//! The relay: a process without rights that makes the connections functions with a way out ask for.
//!
//! It holds the sockets of `outlet.rs`, one set for each sandbox, and is the only one that talks to the
//! outside on a function's behalf. It decides where to: never to this machine. What it does not do is as
//! important: it holds no capability, sees none of the host's files, and runs as a user of its own, which a
//! firewall of the host can match.

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::RecvFlags;
use rustix::process::Resource;
use rustix::thread::LinkNameSpaceType;
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::channel::{self, Receiver};
use crate::failure::{Failure, Result, Step};
use crate::netlink::Netlink;
use crate::outlet::{NEVER_OUTSIDE, Outlet};
use crate::root::enter_namespace;
use crate::wire::Subnet;
use crate::{datagrams, filter, sys};

/// First argument of a process that is to be the relay.
pub(crate) const ROLE: &str = "__relay";
/// Connections of one sandbox at a time; one more is closed at once.
const CONNECTIONS_MAX: usize = 512;
/// Lambda's own functions see a failed connection after a similar time.
const CONNECT_MAX: Duration = Duration::from_secs(30);
/// What is left of a sandbox's connections may still be sent for this long.
const LAST_WORDS_MAX: Duration = Duration::from_secs(2);
/// Waiting for a free descriptor.
const BREATH: Duration = Duration::from_millis(50);

/// Stockroom to relay, first of all; comes with the mount namespace to live in.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// The user to become.
    pub uid: u32,
    /// Where functions may not go, besides this machine.
    pub refused: Vec<Subnet>,
}

/// Stockroom to relay: comes with the first process of a sandbox and its four sockets.
#[derive(Debug, Serialize, Deserialize)]
struct Serve;

/// The stockroom's half.
pub(crate) struct Relay {
    socket: OwnedFd,
    child: Child,
}

impl Relay {
    /// Starts the relay in the network namespace the process is in.
    pub(crate) fn start(setup: &Setup, root: impl AsFd) -> Result<Self> {
        let (socket, theirs) = channel::pair().step("make relay socket")?;
        let child = Command::new("/proc/self/exe")
            .arg(OsStr::new(ROLE))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()
            .step("start the relay")?;
        let relay = Self { socket, child };
        channel::send(&relay.socket, setup, &[root.as_fd()]).step("set up the relay")?;
        match Receiver::new().receive::<Result<()>>(&relay.socket, RecvFlags::empty()) {
            Ok(Some((ready, _))) => ready.map(|()| relay),
            _ => Err(Failure::new("start the relay", libc::ECHILD)),
        }
    }

    /// Hands over the way out of the sandbox whose first process `pidfd` is. It is closed with the sandbox.
    pub(crate) fn serve(&self, pidfd: &OwnedFd, outlet: &Outlet) -> Result<()> {
        let fds = [pidfd, &outlet.tcp, &outlet.udp, &outlet.raw, &outlet.link].map(AsFd::as_fd);
        channel::send(&self.socket, &Serve, &fds).step("hand over to the relay")
    }

    /// Becomes readable when the relay has ended: it says nothing else.
    pub(crate) fn end(&self) -> &OwnedFd {
        &self.socket
    }

    pub(crate) fn close(mut self) {
        drop(self.socket);
        // A failure to wait means there is nobody to wait for.
        let _ = self.child.wait();
    }
}

/// What functions may reach.
pub(crate) struct Rules {
    netlink: Netlink,
    refused: Vec<Subnet>,
}

impl Rules {
    /// Asks anew each time: the machine's addresses may change.
    pub(crate) fn allow(&self, to: Ipv4Addr) -> bool {
        let never = NEVER_OUTSIDE.map(|(network, bits)| Subnet { network, bits });
        !to.is_loopback()
            && !never.iter().chain(&self.refused).any(|subnet| subnet.contains(to))
            && self.netlink.leads_outside(to).unwrap_or(false)
    }
}

/// The other role: serves until the stockroom is gone.
pub(crate) fn run(stdin: OwnedFd) {
    let mut receiver = Receiver::new();
    let Ok(Some((setup, fds))) = receiver.receive::<Setup>(&stdin, RecvFlags::empty()) else { return };
    let ready = settle(&setup, &fds, &stdin);
    drop(fds);
    let told = channel::send(&stdin, &ready.as_ref().map(|_| ()).map_err(Clone::clone), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    if let (Ok(rules), Ok(()), Ok(runtime)) = (ready, told, runtime) {
        // Whatever ends it: everything open is closed with the process.
        let _ = runtime.block_on(hear(stdin, receiver, Arc::new(rules)));
    }
}

/// Gives up every right that is not needed.
fn settle(setup: &Setup, fds: &[OwnedFd], socket: &OwnedFd) -> Result<Rules> {
    let root = fds.first().ok_or_else(|| Failure::new("take the root", libc::EBADF))?;
    sys::close_all_but(4, &[root.as_raw_fd()]);
    rustix::process::setsid().step("start a session")?;
    // What the filter is made of and asked through must be there before the rights are gone.
    let netlink = Netlink::open().step("open netlink")?;
    let filter = filter::program()?;
    let mut open_files = rustix::process::getrlimit(Resource::Nofile);
    open_files.current = open_files.maximum;
    rustix::process::setrlimit(Resource::Nofile, open_files).step("raise the limit on open files")?;
    enter_namespace(root, LinkNameSpaceType::Mount)?;
    rustix::process::chdir("/").step("enter the root")?;
    sys::drop_bounding_set().step("drop the bounding set")?;
    sys::set_user(setup.uid, setup.uid).step("become the relay's user")?;
    sys::prctl(libc::PR_SET_DUMPABLE, 0).step("close the relay to others")?;
    // Becoming another user made the kernel forget what was set before.
    sys::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as _).step("die with the stockroom")?;
    rustix::thread::set_no_new_privs(true).step("give up gaining privileges")?;
    sys::install_filter(&filter).step("install the system call filter")?;
    rustix::io::ioctl_fionbio(socket, true).step("watch the stockroom")?;
    Ok(Rules { netlink, refused: setup.refused.clone() })
}

async fn hear(socket: OwnedFd, mut receiver: Receiver, rules: Arc<Rules>) -> io::Result<()> {
    // SAFETY: an `OwnedFd` names the same open descriptor for as long as it lives.
    let socket = unsafe { AsyncFd::register(socket) }.map_err(io::Error::from)?;
    loop {
        let mut ready = socket.readable().await?;
        let told = ready.try_io(|socket| receiver.receive::<Serve>(socket.get_ref(), RecvFlags::DONTWAIT));
        let Ok(told) = told else { continue };
        let Some((Serve, fds)) = told? else { return Ok(()) };
        let rules = rules.clone();
        tokio::spawn(async move {
            // Only this sandbox's way out is lost.
            let _ = serve(fds, rules).await;
        });
    }
}

/// Serves one sandbox until its first process has ended.
async fn serve(fds: Vec<OwnedFd>, rules: Arc<Rules>) -> io::Result<()> {
    let [pidfd, tcp, udp, raw, _link] =
        <[OwnedFd; 5]>::try_from(fds).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    // SAFETY: an `OwnedFd` names the same open descriptor for as long as it lives.
    let pidfd = unsafe { AsyncFd::register(pidfd) }.map_err(io::Error::from)?;
    let tcp = TcpListener::from_std(tcp.into())?;
    let mut connections = JoinSet::new();
    tokio::select! {
        ended = pidfd.readable() => drop(ended?),
        () = accept(&tcp, &mut connections, &rules) => {}
        served = datagrams::serve(udp, raw, &rules) => served?,
    }
    drop(tcp);
    // A function's last request may be on its way still.
    let _ = timeout(LAST_WORDS_MAX, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

async fn accept(tcp: &TcpListener, connections: &mut JoinSet<()>, rules: &Arc<Rules>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok((inside, _)) = tcp.accept().await else {
            // Out of descriptors: others may end soon.
            let _ = timeout(BREATH, std::future::pending::<()>()).await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        let Ok(place) = room.clone().try_acquire_owned() else {
            reset(&inside);
            continue;
        };
        let rules = rules.clone();
        connections.spawn(async move {
            connect(inside, &rules).await;
            drop(place);
        });
    }
}

/// One connection, from the function's side already made.
async fn connect(mut inside: TcpStream, rules: &Rules) {
    let Ok(SocketAddr::V4(to)) = inside.local_addr() else { return reset(&inside) };
    if !rules.allow(*to.ip()) {
        return reset(&inside);
    }
    let outside = timeout(CONNECT_MAX, TcpStream::connect(to)).await;
    let Ok(Ok(mut outside)) = outside else { return reset(&inside) };
    // The machine may have got this address while the connection was made.
    if !rules.allow(*to.ip()) {
        reset(&outside);
        return reset(&inside);
    }
    // Whoever collects small writes, it shall not be us.
    let _ = (inside.set_nodelay(true), outside.set_nodelay(true));
    if tokio::io::copy_bidirectional(&mut inside, &mut outside).await.is_err() {
        reset(&inside);
        reset(&outside);
    }
}

/// Lets the other end see an error instead of an orderly end.
fn reset(stream: &TcpStream) {
    // If it cannot be set, an orderly end is all there is.
    let _ = stream.set_zero_linger();
}
