//! What a sandbox is made from. Every path, variable and limit is named here: nothing is inherited.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything one sandbox is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Names the sandbox in logs; need not be unique.
    pub id: String,
    /// An unpacked image, seen read-only at `/` in place of the host's programs. It has a directory wherever
    /// something else is to be seen: [`IMAGE_DIRECTORIES`]; and the files [`IMAGE_FILES`].
    pub root: Option<PathBuf>,
    /// The function's unpacked code, seen read-only at `/var/task`; where absent, that is the image's own.
    pub code_dir: Option<PathBuf>,
    /// Unpacked layers, seen read-only and merged at `/opt`; a later one wins.
    pub opt_dirs: Vec<PathBuf>,
    /// Further read-only directories: the bootstrap at `/var/runtime`, the language at `/var/lang`.
    pub binds: Vec<Bind>,
    /// The program to execute, as a path inside the sandbox.
    pub program: PathBuf,
    /// Arguments after the program's own name.
    pub args: Vec<String>,
    /// The complete environment, apart from what `doors` adds.
    pub env: Vec<(String, String)>,
    /// Variables that tell the function where the platform listens; only a start knows the addresses.
    pub doors: Vec<DoorVar>,
    /// Working directory, as a path inside the sandbox.
    pub cwd: PathBuf,
    /// Programs that run beside; most sandboxes have none.
    pub companions: Companions,
    /// Memory the sandbox may use, in bytes.
    pub memory_bytes: u64,
    /// Thousandths of one core the sandbox gets while it serves invocations.
    pub cpu_millis: u32,
    /// Size of `/tmp`, in bytes.
    pub ephemeral_bytes: u64,
    pub limits: Limits,
    pub network: Network,
}

impl Spec {
    /// What of it a program can be started with ahead: with `env` as its environment, and without anything that is
    /// one function's. Two functions that this is equal of can be served by the same booted program.
    pub fn booting(&self, env: Vec<(String, String)>) -> Self {
        Self {
            id: "booted".to_owned(),
            root: self.root.clone(),
            code_dir: None,
            opt_dirs: Vec::new(),
            binds: self.binds.clone(),
            program: self.program.clone(),
            args: self.args.clone(),
            env,
            doors: Vec::new(),
            cwd: self.cwd.clone(),
            companions: Companions::default(),
            memory_bytes: u64::MAX,
            cpu_millis: u32::MAX,
            ephemeral_bytes: u64::MAX,
            limits: self.limits,
            network: self.network,
        }
    }
}

impl Spec {
    /// Whether it is one that [`Spec::booting`] gives: of a sandbox that belongs to no function yet.
    pub fn is_nobodys(&self) -> bool {
        self.code_dir.is_none() && self.memory_bytes == u64::MAX
    }
}

/// Programs that are started before the sandbox's own, each told of on its own.
///
/// A sandbox that has some behaves otherwise in two points: its own program waits for [`crate::Sandbox::begin`], and
/// its end is not the sandbox's, which lives until it is killed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companions {
    /// Paths inside the sandbox, started in this order; at most [`COMPANIONS_MAX`].
    pub programs: Vec<PathBuf>,
    /// The complete environment of each, apart from what `doors` adds.
    pub env: Vec<(String, String)>,
    /// Working directory, as a path inside the sandbox.
    pub cwd: PathBuf,
}

/// Lambda's bound of extensions.
pub const COMPANIONS_MAX: usize = 10;

/// What an image's tree must have as directories.
pub const IMAGE_DIRECTORIES: [&str; 7] = ["proc", "dev", "tmp", "opt", "var/task", "var/runtime", "var/lang"];
/// What an image's tree must have as files: a sandbox has its own of these.
pub const IMAGE_FILES: [&str; 2] = ["etc/resolv.conf", "etc/hosts"];

/// One directory or file of the host, seen read-only inside the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub host: PathBuf,
    pub inside: PathBuf,
}

/// A listener of the platform that the function can connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Door {
    /// The Lambda Runtime API.
    RuntimeApi,
    /// The platform's AWS endpoint.
    Platform,
}

/// An environment variable whose value is `prefix`, the address of a door, and `suffix`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorVar {
    pub name: String,
    /// Text before the address, such as `http://`; may be empty.
    pub prefix: String,
    pub door: Door,
    /// Text after the address, such as a path; may be empty.
    pub suffix: String,
}

impl DoorVar {
    /// `name` = `host:port`.
    pub fn address(name: &str, door: Door) -> Self {
        Self { name: name.to_owned(), prefix: String::new(), door, suffix: String::new() }
    }

    /// `name` = `http://host:port`.
    pub fn url(name: &str, door: Door) -> Self {
        Self { name: name.to_owned(), prefix: "http://".to_owned(), door, suffix: String::new() }
    }
}

/// Limits of the kernel on single processes, with Lambda's values as default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Open files of one process.
    pub open_files: u64,
    /// Processes and threads of the whole sandbox.
    pub processes: u64,
    /// Main thread's stack, in bytes.
    pub stack_bytes: u64,
    /// Locked memory, in bytes.
    pub locked_memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_files: 1024,
            processes: 1024,
            stack_bytes: 8 * 1024 * 1024,
            locked_memory_bytes: 64 * 1024,
        }
    }
}

/// What the function can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Network {
    /// Its own loopback and the platform's doors, nothing else.
    #[default]
    Isolated,
    /// The outside world too, but neither the host nor another sandbox.
    Outbound,
}

/// The share of a core Lambda gives a function of `memory_mb`: 1769 MB are one core.
pub fn cpu_millis_for_memory(memory_mb: u32) -> u32 {
    let millis = u64::from(memory_mb) * 1000 / 1769;
    u32::try_from(millis).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::cpu_millis_for_memory;

    #[test]
    fn cpu_follows_memory() {
        for (memory_mb, millis) in [(128, 72), (1769, 1000), (3538, 2000), (10240, 5788), (0, 1)] {
            assert_eq!(cpu_millis_for_memory(memory_mb), millis, "{memory_mb} MB");
        }
    }
}
