//! The stockroom: a process beside the spawner that makes the slow parts of sandboxes ahead and takes them
//! apart.
//!
//! It outlives the spawner for as long as it takes to clean up, even when the spawner is killed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::RecvFlags;
use rustix::thread::LinkNameSpaceType;
use sandbox::Network;
use serde::{Deserialize, Serialize};

use crate::cgroup::{self, Layout};
use crate::channel::{self, Receiver};
use crate::enter::Walls;
use crate::failure::{Failure, Result, Step};
use crate::graft::{self, Anchors};
use crate::init;
use crate::launch::Kit;
use crate::netns;
use crate::outlet::{self, Outlet};
use crate::relay::{self, Relay};
use crate::root::{enter_namespace, open_namespace};
use crate::scratch::{Disk, Disks};
use crate::sys::{self, Forked};
use crate::wire::Settings;

/// Namespaces made with the child; mounts, cgroup and user follow in the order `enter.rs` explains.
const NAMESPACES: i32 = libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;

/// Far longer than the kernel takes to end processes it has killed.
const ATTEMPTS_MAX: u32 = 500;
/// Nothing tells when the last process has left a v1 group.
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// Spawner to stockroom.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// A first process in its own namespaces and cgroup, waiting to be told what to run.
    ///
    /// For a copy of a template it comes with the template's pid and user namespaces.
    Kit {
        network: Network,
        template: Option<u64>,
    },
    Disk {
        size: u64,
    },
    /// A sandbox is gone: so may be its parts.
    Discard {
        group: Option<String>,
        disk: Option<u64>,
    },
}

/// Stockroom to spawner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Supply {
    /// Comes with the process, its status socket and the doors.
    Kit {
        network: Network,
        template: Option<u64>,
        group: Option<String>,
        pid: i32,
    },
    /// Comes with the detached mount.
    Disk {
        size: u64,
        token: u64,
    },
    KitFailed {
        network: Network,
        template: Option<u64>,
        failure: Failure,
    },
    DiskFailed {
        size: u64,
        failure: Failure,
    },
}

/// Starts the stockroom; gives the spawner's end of the socket and the new process's pid.
pub(crate) fn open(settings: &Settings, plan: Plan<'_>, lock: &OwnedFd) -> Result<(OwnedFd, i32)> {
    let (ours, theirs) = channel::pair().step("make stockroom socket")?;
    match sys::fork(0).step("fork the stockroom")? {
        Forked::Parent { pid, .. } => Ok((ours, pid)),
        Forked::Child => {
            // The daemon's socket above all: while a copy is open, the daemon cannot see the spawner end. The
            // lock stays: the next spawner has to wait until we are done.
            let mut keep = [theirs.as_raw_fd(), lock.as_raw_fd(), plan.root.as_raw_fd()];
            keep.sort_unstable();
            sys::close_all_but(4, &keep);
            let Ok(home) = open_namespace("net") else { sys::exit_now(1) };
            Stockroom {
                socket: theirs,
                home,
                relay: None,
                relay_setup: relay::Setup {
                    uid: settings.uid_base,
                    refused: settings.outbound.refused.clone(),
                },
                plan,
                disks: Disks::new(settings.scratch_dir.clone()),
                groups: HashSet::new(),
                in_use: HashMap::new(),
                made: 0,
            }
            .run();
            sys::exit_now(0);
        }
    }
}

/// What all sandboxes have in common.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub layout: &'a Layout,
    /// The mount namespace of the root.
    pub root: BorrowedFd<'a>,
    pub filter: &'a [libc::sock_filter],
}

/// The way out of the network namespace the process is in, if there is to be one.
fn outlet_for(network: Network) -> Result<Option<Outlet>> {
    match network {
        Network::Isolated => Ok(None),
        Network::Outbound => outlet::make().map(Some),
    }
}

/// What is left of a sandbox.
struct Rubbish {
    group: Option<String>,
    disk: Option<u64>,
    /// How often its cgroup was found in use still.
    attempts: u32,
}

struct Stockroom<'a> {
    socket: OwnedFd,
    /// The host's network namespace.
    home: OwnedFd,
    /// Started when the first sandbox needs it.
    relay: Option<Relay>,
    relay_setup: relay::Setup,
    plan: Plan<'a>,
    disks: Disks,
    /// Every cgroup that exists.
    groups: HashSet<String>,
    /// Every disk that exists, by token.
    in_use: HashMap<u64, Disk>,
    made: u64,
}

impl Stockroom<'_> {
    /// Serves until the spawner is gone, then takes everything apart.
    fn run(mut self) {
        let mut receiver = Receiver::new();
        let (mut wanted, mut discarded) = (VecDeque::new(), VecDeque::<Rubbish>::new());
        loop {
            // Wait only when there is nothing to do.
            let pause = match discarded.front() {
                _ if !wanted.is_empty() => Some(NO_TIME),
                None => None,
                Some(rubbish) if rubbish.attempts == 0 => Some(NO_TIME),
                Some(_) => Some(PAUSE),
            };
            if pause != Some(NO_TIME) && !self.wait(pause.as_ref()) {
                break;
            }
            match receiver.receive(&self.socket, RecvFlags::DONTWAIT) {
                Ok(Some((Order::Discard { group, disk }, _))) => {
                    // Before those that could not be taken out yet.
                    discarded.push_front(Rubbish { group, disk, attempts: 0 });
                }
                Ok(Some(order)) => wanted.push_back(order),
                Ok(None) => break,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    // Starts may be waiting for parts; nobody waits for rubbish to be taken out.
                    if let Some((order, fds)) = wanted.pop_front() {
                        if self.serve(order, fds).is_err() {
                            break;
                        }
                    } else if let Some(rubbish) = discarded.pop_front() {
                        discarded.extend(self.take_out(rubbish));
                    }
                }
                Err(_) => break,
            }
        }
        self.close();
    }

    /// Waits for an order, for `pause` at most; `false` if the relay has ended. Its sandboxes have lost their
    /// connections, and whoever waits for an answer cannot know: better to begin anew altogether.
    fn wait(&self, pause: Option<&Timespec>) -> bool {
        let mut polled = vec![PollFd::new(&self.socket, PollFlags::IN)];
        polled.extend(self.relay.as_ref().map(|relay| PollFd::new(relay.end(), PollFlags::IN)));
        // Interrupted or not: what is to be done is asked without waiting.
        let _ = rustix::event::poll(&mut polled, pause);
        polled.get(1).is_none_or(|relay| relay.revents().is_empty())
    }

    /// Fails only when the spawner cannot be reached.
    fn serve(&mut self, order: Order, fds: Vec<OwnedFd>) -> std::io::Result<()> {
        match order {
            Order::Kit { network, template } => match self.make_kit(network, fds) {
                Ok(Kit { group, doors, parked, .. }) => {
                    let mut fds = vec![parked.pidfd.as_fd(), parked.status.as_fd()];
                    fds.extend(doors.descriptors());
                    channel::send(
                        &self.socket,
                        &Supply::Kit { network, template, group, pid: parked.pid },
                        &fds,
                    )
                }
                Err(failure) => {
                    channel::send(&self.socket, &Supply::KitFailed { network, template, failure }, &[])
                }
            },
            Order::Disk { size } => match self.disks.make(size) {
                Ok((mount, disk)) => {
                    self.made += 1;
                    let token = self.made;
                    self.in_use.insert(token, disk);
                    channel::send(&self.socket, &Supply::Disk { size, token }, &[mount.as_fd()])
                }
                Err(failure) => channel::send(&self.socket, &Supply::DiskFailed { size, failure }, &[]),
            },
            // Those are kept apart.
            Order::Discard { .. } => Ok(()),
        }
    }

    /// Takes one sandbox's parts apart; gives back what has to be tried again later.
    fn take_out(&mut self, rubbish: Rubbish) -> Option<Rubbish> {
        let Rubbish { group, disk, attempts } = rubbish;
        if let Some(disk) = disk.and_then(|token| self.in_use.remove(&token)) {
            disk.discard();
        }
        let name = group?;
        if self.plan.layout.group(&name).remove() {
            self.groups.remove(&name);
            return None;
        }
        // Processes that ended a moment ago may still be counted. One that never leaves is left to the end.
        let attempts = attempts + 1;
        (attempts < ATTEMPTS_MAX).then_some(Rubbish { group: Some(name), disk: None, attempts })
    }

    /// `fds` are the namespaces of the template that it is for.
    fn make_kit(&mut self, network: Network, fds: Vec<OwnedFd>) -> Result<Kit> {
        if network == Network::Outbound && self.relay.is_none() {
            enter_namespace(&self.home, LinkNameSpaceType::Network)?;
            self.relay = Some(Relay::start(&self.relay_setup, self.plan.root)?);
        }
        let mut group = None;
        if !self.plan.layout.is_empty() {
            self.made += 1;
            let name = self.made.to_string();
            self.groups.insert(name.clone());
            self.plan.layout.group(&name).create()?;
            group = Some(name);
        }
        let entrances = match &group {
            Some(name) => self.plan.layout.group(name).entrances()?,
            None => Vec::new(),
        };
        let walls = Walls { entrances: &entrances, root: self.plan.root, filter: self.plan.filter };
        let (parked, doors, outlet);
        if let Ok([pid, user]) = <[OwnedFd; 2]>::try_from(fds) {
            parked = graft::park(&Anchors { pid, user }, walls)?;
            enter_namespace(&graft::namespace_of(parked.pid, "net")?, LinkNameSpaceType::Network)?;
            (doors, outlet) = (netns::furnish()?, outlet_for(network)?);
        } else {
            // Leaves this process in the new namespace, where the child then is too.
            (doors, outlet) = (netns::make()?, outlet_for(network)?);
            // The spawner is to be its parent: it collects it, and its end is the child's.
            parked = init::park(NAMESPACES | libc::CLONE_PARENT, Some(walls))?;
        }
        if let (Some(relay), Some(outlet)) = (&self.relay, &outlet) {
            relay.serve(&parked.pidfd, outlet)?;
        }
        Ok(Kit { group, doors, parked, memory: None })
    }

    fn close(mut self) {
        // Nobody is to be given parts that are about to go.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        if let Some(relay) = self.relay.take() {
            relay.close();
        }
        for name in &self.groups {
            self.plan.layout.group(name).kill();
        }
        for (_, disk) in self.in_use.drain() {
            disk.discard();
        }
        for name in &self.groups {
            cgroup::wait_until_empty(self.plan.layout, name);
        }
        self.plan.layout.remove();
    }
}
