//! What an implementation keeps apart, one named guarantee at a time.

use std::collections::BTreeSet;

/// One thing a sandbox can promise. The conformance suite tests exactly those an implementation declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// The function sees none of the host's files but the system's programs and what the spec names.
    HostFilesHidden,
    /// `/var/task` and the binds cannot be written.
    CodeReadOnly,
    /// `/tmp` is the sandbox's own.
    OwnTmp,
    /// `/tmp` is full at the size asked for.
    TmpSize,
    /// What is written to `/tmp` does not count as the function's memory.
    TmpOnDisk,
    /// Processes of the host and of other sandboxes are neither seen nor signalled.
    HostProcessesHidden,
    /// The loopback is the sandbox's own: the host's and other sandboxes' listeners are out of reach.
    OwnLoopback,
    /// No way to the outside world, unless the spec asks for one.
    NetworkIsolated,
    /// A spec may ask for a way to the outside world, and what gets it still reaches neither this machine nor
    /// another sandbox.
    OutboundNetwork,
    /// Each sandbox runs as a user of its own, without capabilities, and can gain none.
    Unprivileged,
    /// System calls a function has no use for are refused.
    SystemCallFilter,
    /// Memory is limited, and going beyond it ends this sandbox only.
    MemoryLimit,
    /// The number of processes is limited.
    ProcessLimit,
    /// The share of processor time is limited.
    CpuShare,
    /// Memory and processor time can be told.
    Usage,
    /// A frozen sandbox gets no processor time.
    Freeze,
    /// A sandbox can become a template, and copies of it are kept apart as all others.
    Snapshots,
}

impl Guarantee {
    pub const ALL: [Self; 17] = [
        Self::HostFilesHidden,
        Self::CodeReadOnly,
        Self::OwnTmp,
        Self::TmpSize,
        Self::TmpOnDisk,
        Self::HostProcessesHidden,
        Self::OwnLoopback,
        Self::NetworkIsolated,
        Self::OutboundNetwork,
        Self::Unprivileged,
        Self::SystemCallFilter,
        Self::MemoryLimit,
        Self::ProcessLimit,
        Self::CpuShare,
        Self::Usage,
        Self::Freeze,
        Self::Snapshots,
    ];
}

/// What the sandboxes of one implementation on this host keep apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Isolation {
    /// The implementation's name.
    pub name: &'static str,
    pub guarantees: BTreeSet<Guarantee>,
    /// What is not kept apart or only in part, one sentence each, for people.
    pub caveats: Vec<String>,
}

impl Isolation {
    pub fn gives(&self, guarantee: Guarantee) -> bool {
        self.guarantees.contains(&guarantee)
    }

    /// The guarantees this implementation does not give here.
    pub fn missing(&self) -> impl Iterator<Item = Guarantee> + '_ {
        Guarantee::ALL.into_iter().filter(|guarantee| !self.gives(*guarantee))
    }
}
