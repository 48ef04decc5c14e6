//! What daemon and spawner say to each other. Both are the same binary, so nothing here needs to stay
//! compatible.

use std::path::PathBuf;

use sandbox::Spec;
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
}

/// Daemon to spawner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Setup(Settings),
    Start {
        id: u64,
        spec: Box<Spec>,
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
}

/// Spawner to daemon.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Ready(Abilities),
    SetupFailed(Failure),
    /// Comes with three descriptors: Runtime API listener, platform listener, output pipe.
    Started {
        id: u64,
        group: Option<String>,
    },
    StartFailed {
        id: u64,
        failure: Failure,
        executing: bool,
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
    /// Where sandboxes' cgroups live, and which controllers they have.
    pub groups: Layout,
    /// What is missing, and why, for people.
    pub caveats: Vec<String>,
}
