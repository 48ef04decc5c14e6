//! What daemon and spawner say to each other. Both are the same binary, so nothing here needs to stay
//! compatible.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use sandbox::{Claimed, Network, Spec, Trust};
use serde::{Deserialize, Serialize};

use crate::cgroup::Layout;
use crate::failure::Failure;

/// How much is put between the function and the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Namespaces, cgroups, an own root, an own user, a system call filter.
    Namespace,
    /// A child process with limits, nothing more.
    Process,
}

/// The daemon's first message: everything the spawner has to know.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    pub mode: Mode,
    /// Folder for what does not fit in memory; one spawner at a time uses it. Its path also names the
    /// cgroups, so that the next spawner finds what a killed one left.
    pub scratch_dir: PathBuf,
    /// Parts of this many sandboxes are kept ready.
    pub ready_max: usize,
    /// The size of `/tmp` to keep ready.
    pub ephemeral_bytes: u64,
    /// First of the user ids that sandboxes run as, when the spawner is root.
    pub uid_base: u32,
    /// The kind of network to keep ready; the other is made when asked for.
    pub network: Network,
    pub outbound: Outbound,
    /// Whom sandboxes trust besides the authorities that the host does.
    pub authority: Option<Authority>,
}

/// A certificate authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// Its certificate.
    pub pem: String,
    pub der: Vec<u8>,
    /// How OpenSSL looks it up in a folder of certificates.
    pub subject_hash: String,
}

/// What sandboxes with a way out are told and refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbound {
    /// Name servers; empty for the host's own.
    pub resolvers: Vec<Ipv4Addr>,
    /// Where they may not go, besides the machine itself and what is never outside.
    pub refused: Vec<Subnet>,
}

/// All addresses whose first `bits` are those of `network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    pub network: Ipv4Addr,
    /// 0 to 32.
    pub bits: u8,
}

impl Subnet {
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        let differing = u32::from(self.network) ^ u32::from(address);
        differing.leading_zeros() >= u32::from(self.bits)
    }
}

/// Daemon to spawner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Setup(Settings),
    Start {
        id: u64,
        spec: Box<Spec>,
    },
    /// Starts a program ahead.
    Boot {
        id: u64,
        spec: Box<Spec>,
    },
    /// Makes a booted program the sandbox of this spec.
    Claim {
        id: u64,
        spec: Box<Spec>,
    },
    /// Makes a template of a sandbox.
    Snapshot {
        id: u64,
    },
    /// Starts a copy of a template.
    Copy {
        id: u64,
        template: u64,
        spec: Box<Spec>,
        /// It is not to run before it is claimed.
        held: bool,
    },
    Signal {
        id: u64,
        signal: i32,
    },
    /// Only for sandboxes without a cgroup; others are frozen by the daemon itself.
    Freeze {
        id: u64,
        frozen: bool,
    },
    Kill {
        id: u64,
    },
    /// For the sandbox's first process.
    Tell {
        id: u64,
        task: Task,
    },
}

/// What a first process can be told once its programs run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Start the program that waits.
    Begin,
    /// Kill the program alone.
    Kill,
    /// Open a socket and send it: one for streams, or one that receives datagrams at this port.
    Socket { datagrams: Option<u16> },
    /// Lead the program that was started ahead into this directory, and tell it over the socket that comes along.
    Place { directory: PathBuf },
}

/// Spawner to daemon.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Ready(Abilities),
    SetupFailed(Failure),
    /// Comes with the output pipe, with companions their output pipe, and the doors.
    Started {
        id: u64,
        group: Option<String>,
        claimed: Option<Claimed>,
    },
    StartFailed {
        id: u64,
        failure: Failure,
        executing: bool,
    },
    /// A program started ahead is ready, or a copy held.
    Booted {
        id: u64,
        group: Option<String>,
    },
    /// The program may fork now: its child becomes the snapshot.
    SnapshotWatched {
        id: u64,
    },
    SnapshotTaken {
        id: u64,
    },
    SnapshotRefused {
        id: u64,
        reason: String,
    },
    /// The program has ended; its companions have not.
    ProgramEnded {
        id: u64,
        exit: Ended,
    },
    CompanionEnded {
        id: u64,
        index: usize,
        exit: Ended,
    },
    /// Answers `Task::Socket`, in their order: comes with a descriptor if there is a socket.
    Socket {
        id: u64,
    },
    /// Every process of the sandbox is gone.
    Exited {
        id: u64,
        exit: Ended,
    },
}

/// How a sandbox ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
    OutOfMemory,
}

/// What the spawner found it can do on this host.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Abilities {
    /// Each sandbox runs as a user of its own.
    pub own_users: bool,
    /// `/tmp` is a disk image and not memory.
    pub tmp_on_disk: bool,
    /// Sandboxes can have a way out.
    pub outbound: bool,
    /// Programs can be started ahead and claimed.
    pub boots: bool,
    /// Sandboxes can become templates that others are copied from.
    pub snapshots: bool,
    /// What sandboxes trust, if there is an authority besides the host's.
    pub trust: Option<Trust>,
    /// Where sandboxes' cgroups live, and which controllers they have.
    pub groups: Layout,
    /// What is missing, and why, for people.
    pub caveats: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::Subnet;

    #[test]
    fn subnets_contain_their_addresses() {
        for (network, bits, address, expected) in [
            ([10, 0, 0, 0], 8, [10, 255, 0, 1], true),
            ([10, 0, 0, 0], 8, [11, 0, 0, 1], false),
            ([192, 0, 2, 7], 32, [192, 0, 2, 7], true),
            ([192, 0, 2, 7], 32, [192, 0, 2, 6], false),
            ([0, 0, 0, 0], 0, [203, 0, 113, 1], true),
            ([172, 16, 0, 0], 12, [172, 31, 255, 255], true),
            ([172, 16, 0, 0], 12, [172, 32, 0, 0], false),
        ] {
            let subnet = Subnet { network: network.into(), bits };
            assert_eq!(subnet.contains(address.into()), expected, "{address:?} in {network:?}/{bits}");
        }
    }
}
