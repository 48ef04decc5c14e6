//! The contract of a sandbox: one place where one execution environment of a function runs.
//!
//! Start at [`Sandboxes`], which starts them from a [`Spec`], and [`Started`], which is what one start gives.
//! Nothing here knows how a sandbox is made; `sandbox-namespace` and `sandbox-process` do.

mod booted;
#[cfg(feature = "conformance")]
pub mod conformance;
mod finding;
mod isolation;
mod spec;
mod started;
mod trust;

use std::future::Future;
use std::pin::Pin;

pub use booted::{BOOT_VARIABLE, Booted, FORK, READY_TO_BE_PLACED};
pub use finding::{Finding, Status};
pub use isolation::{Guarantee, Isolation};
pub use spec::{
    Bind, COMPANIONS_MAX, Companions, Door, DoorVar, IMAGE_DIRECTORIES, IMAGE_FILES, Limits, Network, Spec,
    cpu_millis_for_memory,
};
pub use started::{Claimed, Cpu, Exit, Hosts, Sandbox, Signal, Started, Template, Usage};
pub use trust::Trust;

/// A future an implementation hands out; boxed so that [`Sandboxes`] can be used behind `dyn`.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What can start sandboxes. Made once at start-up; cheap to share behind an `Arc`.
pub trait Sandboxes: Send + Sync {
    /// Starts the program of `spec`. Resolves once the program's `exec` has succeeded, or says which step
    /// failed. Dropping the future before it resolves leaves nothing behind.
    fn start(&self, spec: Spec) -> Pending<'_, Result<Started>>;

    /// Starts a program ahead, before it is known what for: what [`Spec::booting`] gives. Resolves once the program
    /// says that it is ready; see [`BOOT_VARIABLE`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the implementation or the host can't add to a sandbox that runs.
    fn boot(&self, spec: Spec) -> Pending<'_, Result<Box<dyn Booted>>> {
        drop(spec);
        let missing = "this kind of sandbox has all it ever has from its start".to_owned();
        Box::pin(async { Err(Error::Unsupported { what: "booting ahead", missing }) })
    }

    /// Memory that the host could give to more processes, in bytes; `None` where nobody can tell.
    fn memory_available(&self) -> Option<u64> {
        None
    }

    /// What a sandbox made here keeps apart and what it does not, so that nobody has to guess.
    fn describe(&self) -> Isolation;

    /// What sandboxes made here trust, if the platform's own authority is part of it.
    fn trust(&self) -> Option<Trust> {
        None
    }

    /// Kills every sandbox and removes whatever was made for them.
    fn shutdown(&self) -> Pending<'_, ()>;
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a sandbox could not be started or steered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spec asks for something no sandbox can be made of.
    #[error("check spec: {0}")]
    InvalidSpec(String),
    /// The spec asks for something this implementation or this host cannot give.
    #[error("{what} is not available: {missing}")]
    Unsupported { what: &'static str, missing: String },
    /// The program cannot be copied as it is: the function's doing, in words for its owner.
    #[error("take a snapshot: {0}")]
    NoSnapshot(String),
    /// The program itself could not be executed: the function's fault, not the platform's.
    #[error("execute {program}: {source}")]
    Execute { program: String, source: std::io::Error },
    /// A step of building the sandbox failed.
    #[error("{step}: {source}")]
    Build { step: String, source: std::io::Error },
    /// The spawner is not running any more; every sandbox it made is gone with it.
    #[error("talk to the spawner: {0}")]
    Spawner(String),
}
